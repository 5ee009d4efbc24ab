package main

import (
	"fmt"
	"net"
	"net/http"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"steward/store"
)

// metrics is what Prometheus may read, on a listener that is not the public one.
type metrics struct {
	registry *prometheus.Registry
	requests *prometheus.CounterVec
	seconds  prometheus.Histogram
	open     prometheus.Gauge
}

func newMetrics(s *store.Store) *metrics {
	m := &metrics{
		registry: prometheus.NewRegistry(),
		requests: prometheus.NewCounterVec(prometheus.CounterOpts{Name: "steward_requests_total", Help: "Requests answered, by class of status."}, []string{"class"}),
		seconds: prometheus.NewHistogram(prometheus.HistogramOpts{Name: "steward_request_seconds", Help: "Time to answer a request.",
			Buckets: []float64{.001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 10}}),
		open: prometheus.NewGauge(prometheus.GaugeOpts{Name: "steward_requests_open", Help: "Requests under way."}),
	}
	m.registry.MustRegister(m.requests, m.seconds, m.open, collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}),
		prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: "steward_wal_bytes", Help: "Length of SQLite's write-ahead log; beyond 256 MiB a reader holds it."},
			func() float64 { return float64(s.WALSize()) }))
	return m
}

func (m *metrics) wrap(next http.Handler) http.Handler {
	classes := [6]prometheus.Counter{}
	for i := range classes {
		classes[i] = m.requests.WithLabelValues(fmt.Sprintf("%dxx", i))
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		began := time.Now()
		m.open.Inc()
		rec := &statusRecorder{ResponseWriter: w, status: http.StatusOK}
		defer func() {
			m.open.Dec()
			m.seconds.Observe(time.Since(began).Seconds())
			classes[min(max(rec.status/100, 0), 5)].Inc()
		}()
		next.ServeHTTP(rec, r)
	})
}

// statusRecorder remembers the status of an answer.
type statusRecorder struct {
	http.ResponseWriter
	status int
}

func (r *statusRecorder) WriteHeader(status int) {
	r.status = status
	r.ResponseWriter.WriteHeader(status)
}

// Unwrap lets http.ResponseController reach the connection.
func (r *statusRecorder) Unwrap() http.ResponseWriter { return r.ResponseWriter }

// listen serves the metrics until stop is called.
func (m *metrics) listen(addr string, failed chan<- error) (stop func(), err error) {
	l, err := net.Listen("tcp", addr)
	if err != nil {
		return nil, fmt.Errorf("listen on %s for metrics: %w", addr, err)
	}
	server := &http.Server{Handler: promhttp.HandlerFor(m.registry, promhttp.HandlerOpts{}), ReadHeaderTimeout: readHeaderTimeout, WriteTimeout: writeTimeout, MaxHeaderBytes: maxHeaderBytes}
	go func() {
		if err := server.Serve(l); err != http.ErrServerClosed {
			failed <- err
		}
	}()
	return func() { server.Close() }, nil
}

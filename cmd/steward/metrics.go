package main

import (
	"fmt"
	"net"
	"net/http"
	"time"

	"github.com/VictoriaMetrics/metrics"

	"steward/store"
)

// gauges are what Prometheus may read, on a listener that is not the public one.
type gauges struct {
	set     *metrics.Set
	classes [6]*metrics.Counter // requests by class of status
	open    *metrics.Counter
	within  [len(requestSeconds)]*metrics.Counter // requests answered within
	count   *metrics.Counter
	seconds *metrics.FloatCounter
}

// requestSeconds are the bounds of the histogram of answering times.
var requestSeconds = [...]float64{.001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 10}

func newGauges(s *store.Store) *gauges {
	m := &gauges{set: metrics.NewSet()}
	for i := range m.classes {
		m.classes[i] = m.set.NewCounter(fmt.Sprintf(`steward_requests_total{class="%dxx"}`, i))
	}
	m.open = m.set.NewCounter("steward_requests_open")
	for i, bound := range requestSeconds {
		m.within[i] = m.set.NewCounter(fmt.Sprintf(`steward_request_seconds_bucket{le="%g"}`, bound))
	}
	m.count = m.set.NewCounter(`steward_request_seconds_bucket{le="+Inf"}`)
	m.set.NewGauge("steward_request_seconds_count", func() float64 { return float64(m.count.Get()) })
	m.seconds = m.set.NewFloatCounter("steward_request_seconds_sum")
	// Beyond 256 MiB a reader holds SQLite's write-ahead log.
	m.set.NewGauge("steward_wal_bytes", func() float64 { return float64(s.WALSize()) })
	return m
}

func (m *gauges) wrap(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		began := time.Now()
		m.open.Inc()
		rec := &statusRecorder{ResponseWriter: w, status: http.StatusOK}
		defer func() {
			m.open.Dec()
			m.observe(time.Since(began).Seconds())
			m.classes[min(max(rec.status/100, 0), 5)].Inc()
		}()
		next.ServeHTTP(rec, r)
	})
}

// observe counts an answer that took so many seconds.
func (m *gauges) observe(seconds float64) {
	for i, bound := range requestSeconds {
		if seconds <= bound {
			m.within[i].Inc()
		}
	}
	m.count.Inc()
	m.seconds.Add(seconds)
}

// ServeHTTP writes the gauges, those of the process with them.
func (m *gauges) ServeHTTP(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "text/plain; version=0.0.4; charset=utf-8")
	m.set.WritePrometheus(w)
	metrics.WriteProcessMetrics(w)
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
func (m *gauges) listen(addr string, failed chan<- error) (stop func(), err error) {
	l, err := net.Listen("tcp", addr)
	if err != nil {
		return nil, fmt.Errorf("listen on %s for metrics: %w", addr, err)
	}
	server := &http.Server{Handler: m, ReadHeaderTimeout: readHeaderTimeout, WriteTimeout: writeTimeout, MaxHeaderBytes: maxHeaderBytes}
	go func() {
		if err := server.Serve(l); err != http.ErrServerClosed {
			failed <- err
		}
	}()
	return func() { server.Close() }, nil
}

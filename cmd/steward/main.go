// Command steward is the backoffice: the server, and the verbs that one needs
// at the machine itself. It alone reads the environment and the command line.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"runtime/debug"
	"syscall"
	"time"

	"github.com/alecthomas/kong"

	"steward/store"
)

// command is the command line: a field for each verb, a file for each field.
type command struct {
	Database string           `help:"SQLite file, or postgres://… of a server." default:"data/steward.db" env:"STEWARD_DATABASE" placeholder:"FILE|URL"`
	KeyFile  string           `help:"File with the key that seals secrets; beside a SQLite file, and made when absent, when left out. Required to serve from PostgreSQL." env:"STEWARD_KEY_FILE" placeholder:"FILE"`
	Version  kong.VersionFlag `help:"Print the version and end."`

	Serve       serveCommand       `cmd:"" help:"Serve the backoffice."`
	Staff       staffCommand       `cmd:"" help:"Staff, who sign in to the backoffice."`
	Token       tokenCommand       `cmd:"" help:"API tokens, for machines."`
	Application applicationCommand `cmd:"" help:"Applications, which users sign in to."`
	Import      importCommand      `cmd:"" help:"Import customers from CSV files: a plan first, then applied as one act."`
	Export      exportCommand      `cmd:"" help:"Print accounts, users or visits as CSV, in the columns that the import reads."`
	Demo        demoCommand        `cmd:"" help:"Fill an empty database with believable accounts."`
	Migrate     migrateCommand     `cmd:"" help:"Make the database, or bring its schema up to date."`
	KPIs        kpisCommand        `cmd:"" name:"kpis" help:"Print the four figures as of an instant."`
	Check       checkCommand       `cmd:"" help:"Verify the database: integrity, audit trail, every counter."`
	Backup      backupCommand      `cmd:"" help:"Copy the database into a file, beside a running server."`
	Restore     restoreCommand     `cmd:"" help:"Put a backup in the database's place."`
}

// Exit codes.
const (
	exitOK     = 0
	exitFailed = 1
	exitUsage  = 2
)

// app is what every verb works with. Tests make one with their own streams.
type app struct {
	stdin          io.Reader
	stdout, stderr io.Writer
	now            func() time.Time
	database       string
	keyFile        string // empty: beside a SQLite file
}

// open opens the database, makes it when absent, and migrates it. The caller
// closes it.
func (a *app) open(ctx context.Context) (*store.Store, error) {
	key, err := a.key()
	if err != nil {
		return nil, err
	}
	return store.Open(ctx, a.database, store.Options{Now: a.now, Key: key})
}

// usageError is a mistake in how a verb was called; it ends with exit code 2.
type usageError struct{ error }

func usage(format string, args ...any) error { return usageError{fmt.Errorf(format, args...)} }

// errSilent ends with exit code 1 when everything has been said already.
var errSilent = errors.New("failed")

func main() {
	ctx, _ := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	// A second Ctrl-C ends the process at once; supervisors send SIGTERM more
	// than once, and mean the same by it.
	context.AfterFunc(ctx, func() { signal.Reset(os.Interrupt) })
	a := &app{stdin: os.Stdin, stdout: os.Stdout, stderr: os.Stderr, now: time.Now}
	os.Exit(a.run(ctx, os.Args[1:]))
}

// run does what the arguments say and returns the exit code.
func (a *app) run(ctx context.Context, args []string) (code int) {
	var c command
	ended := -1 // --help and --version end inside of the parser
	parser, err := kong.New(&c,
		kong.Name("steward"),
		kong.Description("A self-hosted backoffice for customer accounts. Every verb makes and migrates a database that is absent, except check, backup and restore."),
		kong.Vars{"version": version()},
		kong.Writers(a.stdout, a.stderr),
		kong.Exit(func(code int) { ended = code; panic(errEnded) }),
		kong.ConfigureHelp(kong.HelpOptions{Compact: true}),
		kong.BindTo(ctx, (*context.Context)(nil)),
		kong.Bind(a),
	)
	if err != nil {
		panic(err)
	}
	defer func() {
		if r := recover(); r == errEnded {
			code = ended
		} else if r != nil {
			panic(r)
		}
	}()
	k, err := parser.Parse(args)
	if err != nil {
		fmt.Fprintf(a.stderr, "steward: %v\nRun steward --help for the verbs, steward VERB --help for one of them.\n", err)
		return exitUsage
	}
	a.database, a.keyFile = c.Database, c.KeyFile
	switch err := k.Run(); {
	case err == nil:
		return exitOK
	case errors.Is(err, errSilent):
		return exitFailed
	case errors.As(err, new(usageError)):
		fmt.Fprintf(a.stderr, "steward: %v\n", err)
		return exitUsage
	default:
		fmt.Fprintf(a.stderr, "steward: %s\n", explain(err))
		return exitFailed
	}
}

var errEnded = errors.New("ended by the parser")

// version is the release's, else the commit's that was built.
func version() string {
	if release != "" {
		return release
	}
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return "unknown"
	}
	if v := info.Main.Version; v != "" && v != "(devel)" {
		return v
	}
	for _, s := range info.Settings {
		if s.Key == "vcs.revision" {
			return s.Value
		}
	}
	return "development"
}

// release is set by the linker.
var release string

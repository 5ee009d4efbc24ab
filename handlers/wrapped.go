package handlers

import (
	"context"
	"io"

	"github.com/a-h/templ"
)

// wrapped renders a frame with a body as its children.
type wrapped struct{ frame, body templ.Component }

func (w wrapped) Render(ctx context.Context, out io.Writer) error {
	return w.frame.Render(templ.WithChildren(ctx, w.body), out)
}

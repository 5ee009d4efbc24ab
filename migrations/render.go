package migrations

import (
	"bytes"
	"fmt"
	"reflect"
	"text/template/parse"
)

// render fills in a migration: the fields of the engine, if and else on one of
// its flags, define and template. It walks the syntax of text/template and does
// not execute it, because execution may call any method of any type by its
// name: the linker then keeps them all, which is an eighth of the binary.
func render(name, text string, e Engine) ([]byte, error) {
	trees, err := parse.Parse(name, text, "{{", "}}")
	if err != nil {
		return nil, err
	}
	r := renderer{trees: trees, engine: reflect.ValueOf(e)}
	if err := r.list(trees[name].Root); err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	return r.out.Bytes(), nil
}

type renderer struct {
	trees  map[string]*parse.Tree
	engine reflect.Value
	out    bytes.Buffer
}

func (r *renderer) list(l *parse.ListNode) error {
	if l == nil {
		return nil
	}
	for _, n := range l.Nodes {
		if err := r.node(n); err != nil {
			return err
		}
	}
	return nil
}

func (r *renderer) node(n parse.Node) error {
	switch n := n.(type) {
	case *parse.TextNode:
		r.out.Write(n.Text)
		return nil
	case *parse.ActionNode:
		v, err := r.field(n.Pipe, reflect.String)
		if err != nil {
			return err
		}
		r.out.WriteString(v.String())
		return nil
	case *parse.IfNode:
		v, err := r.field(n.Pipe, reflect.Bool)
		if err != nil {
			return err
		}
		if v.Bool() {
			return r.list(n.List)
		}
		return r.list(n.ElseList)
	case *parse.TemplateNode:
		t := r.trees[n.Name]
		if t == nil {
			return fmt.Errorf("no template is called %q", n.Name)
		}
		return r.list(t.Root)
	}
	return fmt.Errorf("%s: migrations know fields, if, define and template alone", n)
}

// field is what {{.Name}} means: a field of the engine, of the given kind.
func (r *renderer) field(p *parse.PipeNode, kind reflect.Kind) (reflect.Value, error) {
	if len(p.Cmds) == 1 && len(p.Decl) == 0 && len(p.Cmds[0].Args) == 1 {
		if f, ok := p.Cmds[0].Args[0].(*parse.FieldNode); ok && len(f.Ident) == 1 {
			if v := r.engine.FieldByName(f.Ident[0]); v.IsValid() && v.Kind() == kind {
				return v, nil
			}
		}
	}
	return reflect.Value{}, fmt.Errorf("{{%s}} is no %s of the engine", p, kind)
}

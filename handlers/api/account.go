package api

import (
	"bytes"
	"encoding/json"
	"net/http"
)

// fieldProblem is a field of a body that was refused, and why.
type fieldProblem struct {
	Field  string `json:"field"`
	Reason string `json:"reason"`
}

// account is an account as the API shows it.
type account struct {
	ID         string `json:"id"`
	Name       string `json:"name"`
	IsReseller bool   `json:"isReseller"`
}

// changeAccount changes what its body names of an account; what it does not name
// stays. The same body again changes nothing.
func (a *API) changeAccount(r *request) error {
	id := r.params["id"]
	body, err := r.body(make([]byte, 0, 512))
	if err != nil {
		return err
	}
	var isReseller *bool
	refused, err := switches(body, "an account", map[string]**bool{"isReseller": &isReseller})
	if err != nil {
		return err
	}
	// Whether there is such an account is told before what is wrong with the body.
	found, err := a.store.Account(r.ctx(), id)
	if err != nil {
		return err
	}
	if err := unchanged(refused); err != nil {
		return err
	}
	if isReseller != nil {
		if err := a.store.SetReseller(r.ctx(), r.actor, id, *isReseller); err != nil {
			return err
		}
		if found, err = a.store.Account(r.ctx(), id); err != nil {
			return err
		}
	}
	write(r.ResponseWriter, http.StatusOK, "application/json", account{found.ID, found.Name, found.IsReseller})
	return nil
}

// switches reads a body that is an object of true and false: what it names is put
// into known, and what is refused of it returned. of is what the fields are of.
func switches(body []byte, of string, known map[string]**bool) (refused []fieldProblem, err error) {
	fields, err := objectOf(body)
	if err != nil {
		return nil, err
	}
	for _, f := range fields {
		to, is := known[f.name]
		switch {
		case !is:
			name := f.name
			if len(name) > longestName {
				name = ""
			}
			refused = append(refused, fieldProblem{name, "is no field of " + of + " that can be changed"})
		default:
			if err := json.Unmarshal(f.value, to); err != nil || *to == nil {
				refused = append(refused, fieldProblem{f.name, "is neither true nor false"})
			}
		}
	}
	return refused, nil
}

// switches reads those of a body that may be left out, at an address without
// parameters.
func (r *request) switches(of string, known map[string]**bool) (refused []fieldProblem, err error) {
	if _, err := r.query(); err != nil || r.ContentLength == 0 {
		return nil, err
	}
	body, err := r.body(make([]byte, 0, 512))
	if err != nil {
		return nil, err
	}
	return switches(body, of, known)
}

// unchanged refuses a body by the fields of it that are refused, if any.
func unchanged(refused []fieldProblem) error {
	if len(refused) == 0 {
		return nil
	}
	return &problem{Status: http.StatusUnprocessableEntity, Title: "Nothing was changed", Detail: "The body has fields that are refused.", Errors: refused}
}

// field is a name of a JSON object with its value.
type field struct {
	name  string
	value json.RawMessage
}

// objectOf reads a body that is one JSON object, its fields in their order. A name
// that comes twice is refused: nobody can say which was meant.
func objectOf(body []byte) (fields []field, err error) {
	d := json.NewDecoder(bytes.NewReader(body))
	open, err := d.Token()
	if err != nil || open != json.Delim('{') {
		return nil, badRequest("The body is no JSON object.")
	}
	seen := map[string]bool{}
	for d.More() {
		name, err := d.Token()
		if err != nil {
			return nil, badRequest("The body is no JSON object.")
		}
		f := field{name: name.(string)}
		if seen[f.name] {
			return nil, badRequest("A field comes twice.")
		}
		seen[f.name] = true
		if err := d.Decode(&f.value); err != nil {
			return nil, badRequest("The body is no JSON object.")
		}
		fields = append(fields, f)
	}
	if _, err := d.Token(); err != nil {
		return nil, badRequest("The body is no JSON object.")
	}
	if d.More() {
		return nil, badRequest("Something follows the JSON object.")
	}
	return fields, nil
}

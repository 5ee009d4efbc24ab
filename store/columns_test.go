package store

import (
	"context"
	"path/filepath"
	"reflect"
	"slices"
	"testing"

	"steward/backoffice"
)

// Struct, column list and table belong together: a field of Account without
// column, and a column without field, are named here.
func TestAccountColumns(t *testing.T) {
	derived := []string{"Key", "ParentID", "ParentName", "PrimaryUserID", "PrimaryName", "HasLogo"} // read from elsewhere
	kept := []string{"key", "deletion_id", "name_sort", "search", "path", "has_policy"}             // no field of an account
	holdColumns(t, "accounts", accountColumns, derived, kept)
}

func TestUserColumns(t *testing.T) {
	// What only the list, the page and the bin of users read stands beside.
	kept := []string{"key", "metadata", "vendor_metadata", "vendor_metadata_fixed", "metadata_version", "version", "factors",
		"deleted_at", "deletion_id", "purged_at", "name_sort", "search"}
	holdColumns(t, "users", userColumns, []string{"Key"}, kept)
}

func TestRoleColumns(t *testing.T) {
	holdColumns(t, "roles", roleColumns, []string{"AccountID", "AccountName"}, []string{"key", "account_key", "deleted_at", "deletion_id", "replaced_by"})
}

func TestMailColumns(t *testing.T) {
	holdColumns(t, "mails", mailColumns, []string{"Key", "Token", "Code", "Name", "Account", "By", "Message", "Roles", "Factor", "Address"}, []string{"key", "payload"})
}

func holdColumns[T any](t *testing.T, table string, list columns[T], derived, kept []string) {
	t.Helper()
	var v T
	fields := map[any]string{} // address -> name
	var walk func(reflect.Value)
	walk = func(s reflect.Value) {
		for i := range s.NumField() {
			f := s.Type().Field(i)
			if f.Anonymous && f.Type != reflect.TypeFor[backoffice.Engagement]() {
				walk(s.Field(i))
			} else if !f.Anonymous {
				fields[s.Field(i).Addr().Interface()] = f.Name
			}
		}
	}
	walk(reflect.ValueOf(&v).Elem())
	held := map[string]string{}
	var names []string
	for _, c := range list {
		at := c.at(&v)
		if s := reflect.ValueOf(at); s.Kind() == reflect.Struct {
			at = reflect.NewAt(s.Field(0).Type().Elem(), s.Field(0).UnsafePointer()).Interface()
		}
		field, ok := fields[at]
		if !ok {
			t.Errorf("column %s of %s names no field", c.name, table)
		}
		if other := held[field]; other != "" {
			t.Errorf("field %s is in the columns %s and %s of %s", field, other, c.name, table)
		}
		held[field] = c.name
		names = append(names, c.name)
	}
	for _, field := range fields {
		if held[field] == "" && !slices.Contains(derived, field) {
			t.Errorf("field %s has no column in the list of %s", field, table)
		}
	}
	s, err := Open(context.Background(), filepath.Join(t.TempDir(), "steward.db"), Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	rows, err := s.query().rows(context.Background(), `SELECT name FROM pragma_table_info($1)`, table)
	real, err := collect(rows, err, func(r rowScanner) (v string, err error) { err = r.Scan(&v); return })
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range real {
		if !slices.Contains(names, name) && !slices.Contains(kept, name) {
			t.Errorf("the table %s has a column %s that the list does not have", table, name)
		}
	}
	for _, name := range names {
		if !slices.Contains(real, name) {
			t.Errorf("the list of %s has a column %s that no migration makes", table, name)
		}
	}
}

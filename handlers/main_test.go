package handlers_test

import (
	"os"
	"testing"

	"steward/store/storetest"
)

func TestMain(m *testing.M) { os.Exit(storetest.Main(m)) }

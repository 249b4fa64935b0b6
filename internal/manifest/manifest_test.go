package manifest_test

import (
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/skyledger/skyledger/internal/manifest"
)

func TestTableIsSound(t *testing.T) {
	if problems := manifest.Check(manifest.Functions()); len(problems) > 0 {
		t.Error(problems)
	}
}

func TestCheckFindsWhatIsWrong(t *testing.T) {
	route := []manifest.Route{{Method: "GET", Path: "/api/x"}}
	sound := manifest.Function{Name: "a", Trigger: manifest.Trigger{Routes: route}, Memory: 128, Timeout: time.Second}
	tests := map[string]func(*manifest.Function){
		"a doubled name and route": func(*manifest.Function) {},
		"a function nobody starts": func(f *manifest.Function) { f.Name = "b"; f.Trigger = manifest.Trigger{} },
		"a timeout beyond Lambda's": func(f *manifest.Function) {
			f.Name = "b"
			f.Trigger.Routes = nil
			f.Trigger.OnDeploy = true
			f.Timeout = time.Hour
		},
		"too little memory": func(f *manifest.Function) {
			f.Name = "b"
			f.Trigger.Routes = nil
			f.Trigger.OnDeploy = true
			f.Memory = 1
		},
	}
	for name, spoil := range tests {
		t.Run(name, func(t *testing.T) {
			second := sound
			spoil(&second)
			if problems := manifest.Check([]manifest.Function{sound, second}); len(problems) == 0 {
				t.Error("the table was found sound")
			}
		})
	}
}

func TestEveryFunctionHasItsFolder(t *testing.T) {
	var rows []string
	for _, function := range manifest.Functions() {
		rows = append(rows, function.Name)
	}
	mains, err := filepath.Glob("../../functions/*/main.go")
	if err != nil {
		t.Fatal(err)
	}
	var folders []string
	for _, main := range mains {
		folders = append(folders, filepath.Base(filepath.Dir(main)))
	}
	sorted := cmp.Transformer("set", func(names []string) map[string]bool {
		set := map[string]bool{}
		for _, name := range names {
			set[name] = true
		}
		return set
	})
	if diff := cmp.Diff(rows, folders, sorted); diff != "" {
		t.Errorf("manifest and functions/ differ (-manifest +folders):\n%s", diff)
	}
}

func TestExpressionSpeaksEventBridge(t *testing.T) {
	tests := map[string]time.Duration{
		"rate(1 minute)": time.Minute, "rate(5 minutes)": 5 * time.Minute,
		"rate(1 hour)": time.Hour, "rate(1 day)": 24 * time.Hour,
	}
	for want, every := range tests {
		if got := manifest.Schedule(every).Expression(); got != want {
			t.Errorf("%s: got %s, want %s", every, got, want)
		}
	}
}

package provision

import (
	"os"
	"reflect"
	"strings"

	embeddedpostgres "github.com/fergusstrange/embedded-postgres"
)

// repository returns the address of the Maven repository that binaries are
// fetched from: MAVEN_REPOSITORY, else the one embedded-postgres uses. The
// library has no getter for it, and it cannot start a server as root, so its
// default is read from the configuration value's field instead of being
// repeated here; an empty string says that the field is gone.
func repository() string {
	if address := os.Getenv("MAVEN_REPOSITORY"); address != "" {
		return strings.TrimRight(address, "/")
	}
	field := reflect.ValueOf(embeddedpostgres.DefaultConfig()).FieldByName("binaryRepositoryURL")
	if field.Kind() != reflect.String {
		return ""
	}
	return strings.TrimRight(field.String(), "/")
}

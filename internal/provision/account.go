package provision

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"os"
	"os/user"
	"path/filepath"
	"strconv"
	"syscall"
)

// rootStateDir and rootCacheDir are where root keeps what another account
// must reach, when the asked directory lies somewhere private to root.
const (
	rootStateDir = "/var/lib/skyledger"
	rootCacheDir = "/var/cache/skyledger"
)

// account is who runs a server. PostgreSQL refuses to run as root, so root
// picks one without rights; everybody else runs servers as themselves.
type account struct {
	uid, gid int
	switched bool // true when it is not ourselves
}

// serverAccount returns the account servers run under.
func serverAccount() (account, error) {
	self := account{uid: os.Getuid(), gid: os.Getgid()}
	if self.uid != 0 {
		return self, nil
	}
	for _, name := range []string{"skyledger", "postgres", "_postgres", "nobody"} {
		entry, err := user.Lookup(name)
		if err != nil {
			continue
		}
		uid, uidErr := strconv.Atoi(entry.Uid)
		gid, gidErr := strconv.Atoi(entry.Gid)
		if uidErr == nil && gidErr == nil && uid != 0 {
			return account{uid: uid, gid: gid, switched: true}, nil
		}
	}
	return account{}, fmt.Errorf("PostgreSQL refuses to run as root, and there is no account postgres or nobody to run it under")
}

// attributes are the process attributes of a server: the account, and a
// process group of its own, so that Ctrl-C in the terminal reaches only us
// and we decide in which order things stop.
func (a account) attributes() *syscall.SysProcAttr {
	attributes := &syscall.SysProcAttr{Setpgid: true}
	if a.switched {
		attributes.Credential = &syscall.Credential{Uid: uint32(a.uid), Gid: uint32(a.gid)}
	}
	return attributes
}

// own hands a path to the account.
func (a account) own(path string) error {
	if !a.switched {
		return nil
	}
	return os.Lchown(path, a.uid, a.gid)
}

// makeDir makes dir (mode 0700, the parents 0755) and hands it to the account.
func (a account) makeDir(dir string) error {
	if err := os.MkdirAll(filepath.Dir(dir), 0o755); err != nil {
		return err
	}
	if err := os.Mkdir(dir, 0o700); err != nil && !os.IsExist(err) {
		return err
	}
	return a.own(dir)
}

// reaches reports whether the account may walk to dir: every directory above
// it, as far as they exist, lets it pass.
func (a account) reaches(dir string) bool {
	if !a.switched {
		return true
	}
	for parent := filepath.Dir(dir); ; parent = filepath.Dir(parent) {
		info, err := os.Stat(parent)
		if err == nil && !a.mayPass(info) {
			return false
		}
		if parent == filepath.Dir(parent) {
			return true
		}
	}
}

func (a account) mayPass(info os.FileInfo) bool {
	mode := info.Mode().Perm()
	if stat, ok := info.Sys().(*syscall.Stat_t); ok {
		switch {
		case int(stat.Uid) == a.uid:
			return mode&0o100 != 0
		case int(stat.Gid) == a.gid:
			return mode&0o010 != 0
		}
	}
	return mode&0o001 != 0
}

// reachable returns dir if the account can walk to it, else a directory under
// fallback that is named after dir, the same on every start.
func (a account) reachable(dir, fallback string) (string, error) {
	absolute, err := filepath.Abs(dir)
	if err != nil {
		return "", err
	}
	if a.reaches(absolute) {
		return absolute, nil
	}
	sum := sha256.Sum256([]byte(absolute))
	return filepath.Join(fallback, filepath.Base(absolute)+"-"+hex.EncodeToString(sum[:4])), nil
}

// cacheDir returns where fetched binaries are kept: dir if given, else the
// user's cache, in either case where the account can read them.
func (a account) cacheDir(dir string) (string, error) {
	if dir == "" && a.switched {
		return rootCacheDir, nil
	}
	if dir == "" {
		base, err := os.UserCacheDir()
		if err == nil && !writable(base) {
			err = os.ErrPermission
		}
		if err != nil { // accounts without a home: a private directory under /tmp
			return privateTempDir()
		}
		dir = filepath.Join(base, "skyledger")
	}
	return a.reachable(dir, rootCacheDir)
}

// writable reports whether dir exists, or can be made, and takes files.
func writable(dir string) bool {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return false
	}
	file, err := os.CreateTemp(dir, ".skyledger-")
	if err != nil {
		return false
	}
	file.Close()
	return os.Remove(file.Name()) == nil
}

// privateTempDir is a directory under /tmp that nobody else can have put
// files into: programs are started from it.
func privateTempDir() (string, error) {
	dir := filepath.Join(os.TempDir(), fmt.Sprintf("skyledger-%d", os.Getuid()))
	if err := os.Mkdir(dir, 0o700); err != nil && !os.IsExist(err) {
		return "", err
	}
	info, err := os.Lstat(dir)
	if err != nil {
		return "", err
	}
	stat, ok := info.Sys().(*syscall.Stat_t)
	if !info.IsDir() || info.Mode().Perm() != 0o700 || !ok || int(stat.Uid) != os.Getuid() {
		return "", fmt.Errorf("%s is not a private directory of ours", dir)
	}
	return dir, nil
}

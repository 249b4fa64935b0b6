package provision

import (
	"archive/tar"
	"archive/zip"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/xi2/xz"
)

// unpackLimit bounds what an archive may grow to, in bytes: PostgreSQL's
// binaries are 60 MB.
const unpackLimit = 512 << 20

// unpackPostgres extracts the .txz inside the jar into dir, which must not
// exist; it appears complete or not at all.
func unpackPostgres(jar, dir string) error {
	return place(dir, func(temporary string) error {
		return withMember(jar, func(name string) bool { return strings.HasSuffix(name, ".txz") }, func(content io.Reader) error {
			decompressed, err := xz.NewReader(content, 0)
			if err != nil {
				return err
			}
			return untar(io.LimitReader(decompressed, unpackLimit), temporary)
		})
	})
}

// unpackProgram extracts one member of the jar as dir/name, executable.
func unpackProgram(jar, member, dir, name string) error {
	return place(dir, func(temporary string) error {
		return withMember(jar, func(found string) bool { return found == member }, func(content io.Reader) error {
			return writeFile(filepath.Join(temporary, name), io.LimitReader(content, unpackLimit), 0o755)
		})
	})
}

// place fills a temporary directory beside dir and renames it to dir. Losing
// the race to another process that did the same is success.
func place(dir string, fill func(temporary string) error) error {
	if err := os.MkdirAll(filepath.Dir(dir), 0o755); err != nil {
		return err
	}
	temporary, err := os.MkdirTemp(filepath.Dir(dir), ".unpack-")
	if err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(temporary) }()
	if err := fill(temporary); err != nil {
		return err
	}
	if err := os.Chmod(temporary, 0o755); err != nil {
		return err
	}
	if err := os.Rename(temporary, dir); err != nil {
		if _, statErr := os.Stat(dir); statErr == nil {
			return nil
		}
		return err
	}
	return nil
}

func withMember(archive string, wanted func(name string) bool, use func(io.Reader) error) error {
	reader, err := zip.OpenReader(archive)
	if err != nil {
		return err
	}
	defer reader.Close()
	for _, file := range reader.File {
		if !wanted(file.Name) {
			continue
		}
		content, err := file.Open()
		if err != nil {
			return err
		}
		return errors.Join(use(content), content.Close())
	}
	return fmt.Errorf("%s does not hold what we expect", filepath.Base(archive))
}

// untar extracts an archive into dir. Names and links that point out of it
// are refused.
func untar(content io.Reader, dir string) error {
	reader := tar.NewReader(content)
	for {
		header, err := reader.Next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		if !filepath.IsLocal(header.Name) {
			return fmt.Errorf("the archive holds the path %q", header.Name)
		}
		path := filepath.Join(dir, header.Name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			return err
		}
		switch header.Typeflag {
		case tar.TypeDir:
			err = os.MkdirAll(path, 0o755)
		case tar.TypeReg:
			// Readable by every account: root's servers run under another.
			err = writeFile(path, reader, header.FileInfo().Mode().Perm()|0o444)
		case tar.TypeSymlink:
			if filepath.IsAbs(header.Linkname) || !filepath.IsLocal(filepath.Join(filepath.Dir(header.Name), header.Linkname)) {
				return fmt.Errorf("the archive links to %q", header.Linkname)
			}
			err = os.Symlink(header.Linkname, path)
		}
		if err != nil {
			return err
		}
	}
}

func writeFile(path string, content io.Reader, mode os.FileMode) error {
	file, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_WRONLY, mode)
	if err != nil {
		return err
	}
	_, err = io.Copy(file, content)
	return errors.Join(err, file.Close(), os.Chmod(path, mode))
}

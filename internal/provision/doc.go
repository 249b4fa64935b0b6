// Package provision gets the product a real PostgreSQL and a real Redis on a
// machine that may have neither: those installed are started in a private
// directory, else binaries are fetched once into a cache. It promises servers
// that listen on 127.0.0.1 only, that run under an account of their own when
// we are root, that end when this process ends (however it ends), and that
// can be killed and started again by tests. It knows nothing of what is
// stored in them.
package provision

// Package api knows what people may ask over HTTP and in what shape they are
// answered. Every endpoint is one typed operation: the types that validate its
// parameters and shape its answer also make the OpenAPI description, so that
// the three cannot differ. Operations come in groups, one for each deployed
// function; Groups names them.
//
// Three ways to register one: list, for rows, which brings the rules that hold
// for every list (fields, sort, limit, cursor, bbox, near, region, fir, formats,
// envelope, ETag); object, for one thing; register, for bytes of one's own. All
// of them turn an error into a problem (RFC 9457) whose status follows from its
// class. What every request passes (its id and log line, compression,
// cross-origin access, unknown paths, bodies that are too large) is in wrap.
//
// Answers come from internal/live, internal/store and internal/rawlog through
// the small interfaces in Deps; the handler goes to internal/app.
package api

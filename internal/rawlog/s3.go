package rawlog

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/smithy-go"
	smithyhttp "github.com/aws/smithy-go/transport/http"

	"github.com/skyledger/skyledger/internal/fault"
)

// S3API is what the log needs of an S3 client; *s3.Client has it.
type S3API interface {
	s3.ListObjectsV2APIClient
	GetObject(ctx context.Context, in *s3.GetObjectInput, options ...func(*s3.Options)) (*s3.GetObjectOutput, error)
	PutObject(ctx context.Context, in *s3.PutObjectInput, options ...func(*s3.Options)) (*s3.PutObjectOutput, error)
	DeleteObject(ctx context.Context, in *s3.DeleteObjectInput, options ...func(*s3.Options)) (*s3.DeleteObjectOutput, error)
}

// S3 keeps the log in a bucket:
//
//	<prefix>loose/2024-11-21T12/1732193845000000.frame   one record, by At in µs
//	<prefix>hours/2024-11-21/12.hour                     a finished hour, packed
//
// Every write is conditional, so that of two writers one is refused: the second
// record of a moment, and a packed hour made from what is no longer there.
type S3 struct {
	client         S3API
	bucket, prefix string
	policy         *fault.Policy
}

// NewS3 returns the storage in a bucket under a prefix, which may be empty.
func NewS3(client S3API, bucket, prefix string) *S3 {
	if prefix = strings.Trim(prefix, "/"); prefix != "" {
		prefix += "/"
	}
	return &S3{client: client, bucket: bucket, prefix: prefix, policy: fault.NewPolicy(fault.S3Policy())}
}

const singleEnd = ".frame"

func looseFolder(hour time.Time) string { return "loose/" + hour.UTC().Format(looseFormat) + "/" }

func singleName(at time.Time) string {
	return looseFolder(at) + fmt.Sprintf("%016d", at.UnixMicro()) + singleEnd
}

func packedKey(hour time.Time) string {
	return "hours/" + hour.UTC().Format(dayFormat+"/15") + packedEnd
}

// Loose lists the hours that have single frames.
func (s *S3) Loose(ctx context.Context) ([]time.Time, error) {
	return s.times(ctx, "loose/", looseFormat, "/")
}

// Days lists the days that have packed hours.
func (s *S3) Days(ctx context.Context) ([]time.Time, error) {
	return s.times(ctx, "hours/", dayFormat, "/")
}

// Packed lists a day's packed hours.
func (s *S3) Packed(ctx context.Context, day time.Time) ([]time.Time, error) {
	return s.times(ctx, "hours/"+day.UTC().Format(dayFormat)+"/", "15"+packedEnd, "", day)
}

// times lists what the names right below a folder stand for, ascending: folders
// when suffix is "/", else objects, whose hour is one of the given day.
func (s *S3) times(ctx context.Context, folder, format, suffix string, day ...time.Time) ([]time.Time, error) {
	var times []time.Time
	collect := func(name string) {
		moment, err := time.Parse(format, strings.TrimSuffix(strings.TrimPrefix(name, folder), suffix))
		if err != nil {
			return
		}
		if len(day) > 0 {
			moment = day[0].UTC().Truncate(24 * time.Hour).Add(time.Duration(moment.Hour()) * time.Hour)
		}
		times = append(times, moment)
	}
	err := s.list(ctx, folder, "/", func(page *s3.ListObjectsV2Output) {
		for _, common := range page.CommonPrefixes {
			collect(strings.TrimPrefix(aws.ToString(common.Prefix), s.prefix))
		}
		for _, object := range page.Contents {
			collect(strings.TrimPrefix(aws.ToString(object.Key), s.prefix))
		}
	})
	slices.SortFunc(times, time.Time.Compare)
	return times, err
}

func (s *S3) list(ctx context.Context, folder, delimiter string, each func(*s3.ListObjectsV2Output)) error {
	in := &s3.ListObjectsV2Input{Bucket: &s.bucket, Prefix: aws.String(s.prefix + folder)}
	if delimiter != "" {
		in.Delimiter = &delimiter
	}
	pages := s3.NewListObjectsV2Paginator(s.client, in)
	for pages.HasMorePages() {
		var page *s3.ListObjectsV2Output
		err := s.policy.Do(ctx, func(ctx context.Context) (err error) {
			page, err = pages.NextPage(ctx)
			return s3Fault("rawlog.S3.list", err)
		})
		if err != nil {
			return err
		}
		each(page)
	}
	return nil
}

// Files lists the hour's packed object and its single frames. The packed object
// is looked for last: a compaction that ends in between has then deleted frames
// that it holds, and the other way round frames would seem to be gone.
func (s *S3) Files(ctx context.Context, hour time.Time) ([]File, error) {
	var singles, files []File
	err := s.list(ctx, looseFolder(hour), "", func(page *s3.ListObjectsV2Output) {
		for _, object := range page.Contents {
			name := strings.TrimPrefix(aws.ToString(object.Key), s.prefix)
			stem := strings.TrimSuffix(strings.TrimPrefix(name, looseFolder(hour)), singleEnd)
			at, err := strconv.ParseInt(stem, 10, 64)
			if err != nil || !hourOf(at).Equal(hour) {
				continue
			}
			singles = append(singles, File{
				Name: name, Kind: Single, At: fromMicros(at),
				Size: aws.ToInt64(object.Size), Version: aws.ToString(object.ETag),
			})
		}
	})
	if err != nil {
		return nil, err
	}
	err = s.list(ctx, packedKey(hour), "", func(page *s3.ListObjectsV2Output) {
		for _, object := range page.Contents {
			if name := strings.TrimPrefix(aws.ToString(object.Key), s.prefix); name == packedKey(hour) {
				files = append(files, File{
					Name: name, Kind: Packed, Size: aws.ToInt64(object.Size), Version: aws.ToString(object.ETag),
				})
			}
		}
	})
	return append(files, singles...), err
}

// Read fetches a part of an object.
func (s *S3) Read(ctx context.Context, name string, offset int64, n int) (part []byte, err error) {
	if n == 0 {
		return nil, nil
	}
	err = s.policy.Do(ctx, func(ctx context.Context) (err error) {
		part, err = s.readOnce(ctx, name, offset, n)
		return err
	})
	return part, err
}

func (s *S3) readOnce(ctx context.Context, name string, offset int64, n int) ([]byte, error) {
	const op = "rawlog.S3.Read"
	out, err := s.client.GetObject(ctx, &s3.GetObjectInput{
		Bucket: &s.bucket, Key: aws.String(s.prefix + name),
		Range: aws.String(fmt.Sprintf("bytes=%d-%d", offset, offset+int64(n)-1)),
	})
	if err != nil {
		var response *smithyhttp.ResponseError
		if errors.As(err, &response) && response.HTTPStatusCode() == http.StatusRequestedRangeNotSatisfiable {
			return nil, nil // begins behind the end
		}
		return nil, s3Fault(op, err)
	}
	defer out.Body.Close()
	part, err := io.ReadAll(io.LimitReader(out.Body, int64(n)))
	if err != nil {
		return nil, s3Fault(op, err)
	}
	if want := aws.ToInt64(out.ContentLength); want != int64(len(part)) {
		return nil, fault.E(op, fault.Upstream, "s3_truncated", nil)
	}
	return part, nil
}

// Lock does nothing: writes are conditional.
func (s *S3) Lock(context.Context, time.Time) (func(), error) { return func() {}, nil }

// Conditional is true.
func (s *S3) Conditional() bool { return true }

// Append puts a frame as an object of its own, unless there is one.
func (s *S3) Append(ctx context.Context, at time.Time, frame []byte, _ int64) (File, int64, bool, error) {
	file := File{Name: singleName(at), Kind: Single, At: at, Size: int64(len(frame))}
	var out *s3.PutObjectOutput
	taken := false
	err := s.policy.Do(ctx, func(ctx context.Context) (err error) {
		out, err = s.client.PutObject(ctx, &s3.PutObjectInput{
			Bucket: &s.bucket, Key: aws.String(s.prefix + file.Name), Body: bytes.NewReader(frame),
			ContentLength: aws.Int64(file.Size), IfNoneMatch: aws.String("*"),
			ContentType: aws.String("application/octet-stream"),
		})
		if taken = conditionFailed(err); taken {
			return nil
		}
		return s3Fault("rawlog.S3.Append", err)
	})
	if err != nil || taken {
		return File{}, 0, false, err
	}
	file.Version = aws.ToString(out.ETag)
	return file, 0, true, nil
}

// Pack puts the packed hour in the place of the one it was made from. It is
// collected in a temporary file, as an upload needs its length first.
func (s *S3) Pack(ctx context.Context, hour time.Time, previous File, write func(io.Writer) error) error {
	const op = "rawlog.S3.Pack"
	spool, err := os.CreateTemp("", "skyledger-hour-*")
	if err != nil {
		return fault.E(op, fault.Unavailable, "temporary_file", err)
	}
	defer spool.Close()
	// Without a name it is gone when it is closed, however this process ends.
	if err := os.Remove(spool.Name()); err != nil {
		return fault.E(op, fault.Unavailable, "temporary_file", err)
	}
	if err := write(spool); err != nil {
		return err
	}
	length, err := spool.Seek(0, io.SeekCurrent)
	if err != nil {
		return fault.E(op, fault.Unavailable, "temporary_file", err)
	}
	in := &s3.PutObjectInput{
		Bucket: &s.bucket, Key: aws.String(s.prefix + packedKey(hour)), Body: spool, ContentLength: &length,
		ContentType: aws.String("application/octet-stream"),
	}
	if previous.Name == "" {
		in.IfNoneMatch = aws.String("*")
	} else {
		in.IfMatch = &previous.Version
	}
	return s.policy.Do(ctx, func(ctx context.Context) error {
		if _, err := spool.Seek(0, io.SeekStart); err != nil {
			return fault.E(op, fault.Internal, "temporary_file", err)
		}
		_, err := s.client.PutObject(ctx, in)
		if conditionFailed(err) {
			return fault.E(op, fault.Conflict, "packed_by_another", err)
		}
		return s3Fault(op, err)
	})
}

// Delete deletes an object.
func (s *S3) Delete(ctx context.Context, name string) error {
	return s.policy.Do(ctx, func(ctx context.Context) error {
		_, err := s.client.DeleteObject(ctx, &s3.DeleteObjectInput{Bucket: &s.bucket, Key: aws.String(s.prefix + name)})
		return s3Fault("rawlog.S3.Delete", err)
	})
}

// Close does nothing.
func (s *S3) Close() error { return nil }

func statusOf(err error) int {
	var response *smithyhttp.ResponseError
	if errors.As(err, &response) {
		return response.HTTPStatusCode()
	}
	return 0
}

func conditionFailed(err error) bool { return statusOf(err) == http.StatusPreconditionFailed }

// s3Fault classifies an error of S3; nil stays nil.
func s3Fault(op string, err error) error {
	if err == nil {
		return nil
	}
	reason := "s3_unreachable"
	var api smithy.APIError
	if status := statusOf(err); errors.As(err, &api) && api.ErrorCode() != "" {
		reason = "s3_" + api.ErrorCode()
	} else if status != 0 {
		reason = "s3_" + strconv.Itoa(status)
	}
	switch status := statusOf(err); {
	case errors.Is(err, context.DeadlineExceeded):
		return fault.E(op, fault.Timeout, "s3_timeout", err)
	case status == http.StatusNotFound && reason != "s3_NoSuchBucket":
		return fault.E(op, fault.NotFound, reason, err)
	case status == http.StatusTooManyRequests || reason == "s3_SlowDown":
		return fault.E(op, fault.Throttled, reason, err)
	case status >= 500:
		return fault.E(op, fault.Upstream, reason, err)
	default: // unreachable, refused, no such bucket: nothing is known of the record
		return fault.E(op, fault.Unavailable, reason, err)
	}
}

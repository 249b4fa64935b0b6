package app

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"time"

	"github.com/aws/aws-lambda-go/lambda"
	"github.com/aws/aws-sdk-go-v2/aws"
	awsconfig "github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"

	"github.com/skyledger/skyledger/internal/alert"
	"github.com/skyledger/skyledger/internal/alert/figure"
	"github.com/skyledger/skyledger/internal/api"
	"github.com/skyledger/skyledger/internal/fault"
	"github.com/skyledger/skyledger/internal/live"
	"github.com/skyledger/skyledger/internal/manifest"
	"github.com/skyledger/skyledger/internal/store"
	"github.com/skyledger/skyledger/internal/webhook"
)

// APIAlerts builds the function that answers what rules found and keeps the
// rules.
func APIAlerts(ctx context.Context, runtime *Runtime) (lambda.Handler, error) {
	database, err := runtime.Answers(ctx)
	if err != nil {
		return nil, err
	}
	figures, err := runtime.figures(ctx, database)
	if err != nil {
		return nil, err
	}
	networks, err := webhook.ParseNetworks(runtime.Config.AlertNetworks)
	if err != nil {
		return nil, err
	}
	sealer := runtime.sealer()
	desk := alert.NewEditor(alert.EditorOptions{
		Rules: database, Figures: figures, Sealer: sealer, Address: networks.Check, Random: rand.Reader, Clock: runtime.Clock,
	})
	return answering(ctx, runtime, "api-alerts", func(deps *api.Deps) {
		deps.Alerts, deps.Figures, deps.Desk = database, figures, desk
		deps.TestFire = runtime.deliverer(database, sealer, networks)
	})
}

// AlertEvaluator returns what evaluates the rules and has people told. It lives
// as long as the process: it knows which receivers are to be spared.
func (r *Runtime) AlertEvaluator(ctx context.Context) (*alert.Evaluator, error) {
	database, err := r.Store(ctx)
	if err != nil {
		return nil, err
	}
	figures, err := r.figures(ctx, database)
	if err != nil {
		return nil, err
	}
	networks, err := webhook.ParseNetworks(r.Config.AlertNetworks)
	if err != nil {
		return nil, err
	}
	return alert.NewEvaluator(alert.Options{
		Book: database, Figures: figures, Deliverer: r.deliverer(database, r.sealer(), networks),
		Clock: r.Clock, Logger: r.Logger, Metrics: r.Metrics("analyze"), Faults: r.Faults(),
	}), nil
}

// figures are what rules can be about, measured from a database of those who ask.
func (r *Runtime) figures(ctx context.Context, database *store.Store) (alert.Catalogue, error) {
	reader, err := r.Reader(ctx)
	if err != nil {
		return nil, err
	}
	places, err := r.Places(ctx)
	if err != nil {
		return nil, err
	}
	var functions []string
	for _, function := range manifest.Functions() {
		functions = append(functions, function.Name)
	}
	return figure.All(figure.Deps{
		Ledger: database, Marks: database, Account: database, Functions: functions,
		Live: reader, Places: places, Squawks: database, Positions: database, Traffic: database, Sectors: database, FIRs: places,
	}), nil
}

func (r *Runtime) deliverer(queue alert.Queue, sealer *alert.Sealer, networks webhook.Networks) *alert.Deliverer {
	// Signatures are of the wall's time: whoever checks them has no other.
	client := webhook.New(webhook.Options{Allowed: networks, Clock: time.Now})
	source := r.Config.Source
	if source == live.LiveSource {
		source = ""
	}
	return alert.NewDeliverer(alert.DelivererOptions{
		Queue: queue, Sealer: sealer, Source: source, Token: rand.Text, Logger: r.Logger, Faults: r.Faults(),
		Senders: map[string]alert.Sender{
			"webhook": client.Sender("webhook"), "discord": client.Sender("discord"), "slack": client.Sender("slack"), "sns": Topics(),
		},
	})
}

// sealer reads its key when it needs it first: without the secret nobody is told,
// and everything else goes on.
func (r *Runtime) sealer() *alert.Sealer {
	settings := r.Config
	if settings.AlertKeySecret == "" {
		return alert.NewSealer(alert.Keys(settings.AlertKey), rand.Reader)
	}
	return alert.NewSealer(func(ctx context.Context) (string, error) { return readAlertKey(ctx, settings.AlertKeySecret) }, rand.Reader)
}

func readAlertKey(ctx context.Context, id string) (string, error) {
	const op = "app.readAlertKey"
	settings, err := awsconfig.LoadDefaultConfig(ctx)
	if err != nil {
		return "", fault.E(op, fault.Unavailable, "aws_config", err)
	}
	value, err := secretsmanager.NewFromConfig(settings).GetSecretValue(ctx, &secretsmanager.GetSecretValueInput{SecretId: aws.String(id)})
	if err != nil {
		return "", fault.E(op, fault.Unavailable, "alert_key", err)
	}
	text := aws.ToString(value.SecretString)
	var object struct {
		Key string `json:"key"`
	}
	if json.Unmarshal([]byte(text), &object) == nil {
		text = object.Key
	}
	if text == "" { // which would be no key at all: never keep secrets as they are by mistake
		return "", fault.E(op, fault.Unavailable, "alert_key", nil).WithMessage("The secret with the key of receivers holds none.")
	}
	return text, nil
}

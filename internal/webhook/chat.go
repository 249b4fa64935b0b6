package webhook

import (
	"strconv"
	"strings"
	"time"

	"github.com/skyledger/skyledger/internal/alert"
)

// What Discord's "execute webhook" reads.
type discord struct {
	Username string         `json:"username"`
	Embeds   []discordEmbed `json:"embeds"`
	// Nobody is called by what a rule or a callsign happens to be named.
	AllowedMentions struct {
		Parse []string `json:"parse"`
	} `json:"allowed_mentions"`
}

type discordEmbed struct {
	Title       string      `json:"title"`
	Description string      `json:"description"`
	Color       int         `json:"color"`
	Timestamp   string      `json:"timestamp"`
	Fields      []chatField `json:"fields"`
	Footer      struct {
		Text string `json:"text"`
	} `json:"footer"`
}

// chatField is one fact beside the sentence. Both Discord and Slack have such.
type chatField struct {
	Name   string `json:"name"`
	Value  string `json:"value"`
	Inline bool   `json:"inline"`
}

func discordMessage(m alert.Message) discord {
	embed := discordEmbed{
		Title: title(m), Description: m.Text, Color: color(m), Timestamp: m.At.Format(time.RFC3339), Fields: fields(m),
	}
	embed.Footer.Text = footer(m)
	shaped := discord{Username: "Skyledger", Embeds: []discordEmbed{embed}}
	shaped.AllowedMentions.Parse = []string{}
	return shaped
}

// What Slack's incoming webhooks read.
type slack struct {
	Text        string            `json:"text"`
	Attachments []slackAttachment `json:"attachments"`
}

type slackAttachment struct {
	Color    string       `json:"color"`
	Fallback string       `json:"fallback"`
	Fields   []slackField `json:"fields"`
	Footer   string       `json:"footer"`
	TS       int64        `json:"ts"`
}

type slackField struct {
	Title string `json:"title"`
	Value string `json:"value"`
	Short bool   `json:"short"`
}

func slackMessage(m alert.Message) slack {
	attachment := slackAttachment{
		Color: "#" + hexColor(color(m)), Fallback: slackText(m.Text), Footer: slackText(footer(m)), TS: m.At.Unix(), Fields: []slackField{},
	}
	for _, field := range fields(m) {
		attachment.Fields = append(attachment.Fields, slackField{slackText(field.Name), slackText(field.Value), field.Inline})
	}
	return slack{Text: "*" + slackText(title(m)) + "*\n" + slackText(m.Text), Attachments: []slackAttachment{attachment}}
}

// slackText writes the three characters that Slack reads as markup, so that
// nobody is called.
func slackText(text string) string {
	return strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;").Replace(text)
}

func title(m alert.Message) string { return strings.ToUpper(m.Severity) + " " + m.Event }

func footer(m alert.Message) string {
	text := "rule " + m.Alert.Rule + ", delivery " + m.ID
	if m.Source != "" {
		text = "data: " + m.Source + "; " + text
	}
	return text
}

func fields(m alert.Message) []chatField {
	all := []chatField{{"Figure", m.Alert.Figure, true}}
	if m.Alert.Subject != "" {
		all = append(all, chatField{"Subject", m.Alert.Subject, true})
	}
	if m.Alert.Value != nil {
		all = append(all, chatField{"Value", strings.TrimSpace(strconv.FormatFloat(*m.Alert.Value, 'g', 6, 64) + " " + m.Alert.Unit), true})
	}
	return all
}

// color is green for what is over, else by severity.
func color(m alert.Message) int {
	switch {
	case m.Event == alert.EventEnded:
		return 0x2e7d32
	case m.Severity == "critical":
		return 0xc62828
	case m.Severity == "warning":
		return 0xef6c00
	default:
		return 0x1565c0
	}
}

func hexColor(color int) string {
	text := strconv.FormatInt(int64(color), 16)
	return strings.Repeat("0", 6-len(text)) + text
}

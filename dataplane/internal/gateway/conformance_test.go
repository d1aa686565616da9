package gateway

import (
	"context"
	"net/url"
	"testing"

	"github.com/eclipse/paho.golang/autopaho"
	"github.com/eclipse/paho.golang/paho"
	paho3 "github.com/eclipse/paho.mqtt.golang"
)

func TestPahoForVersion3(t *testing.T) {
	t.Parallel()
	c := setup(t)
	for _, server := range []string{"tls://" + c.Addrs().MQTT, "wss://" + c.Addrs().WebSocket + "/mqtt"} {
		options := paho3.NewClientOptions().AddBroker(server).SetClientID("paho").SetTLSConfig(c.tls(c.cert)).SetProtocolVersion(4).
			SetWill("v1/telemetry", "", 1, true).SetConnectTimeout(patience)
		client := paho3.NewClient(options)
		if token := client.Connect(); !token.WaitTimeout(patience) || token.Error() != nil {
			t.Fatalf("%s: connect: %v", server, token.Error())
		}
		for i := range 100 {
			token := client.Publish("v1/telemetry", 1, i%2 == 0, `{"measurements":{"a":1}}`)
			if !token.WaitTimeout(patience) || token.Error() != nil {
				t.Fatalf("%s: publish: %v", server, token.Error())
			}
		}
		token := client.Subscribe("a/b", 1, nil)
		if !token.WaitTimeout(patience) || token.(*paho3.SubscribeToken).Result()["a/b"] != 0x80 { //nolint:forcetypeassert // it is one
			t.Fatalf("%s: subscribe: %v", server, token.Error())
		}
		client.Disconnect(100)
	}
	c.stored(200)
}

func TestPahoForVersion5(t *testing.T) {
	t.Parallel()
	c := setup(t)
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	server, err := url.Parse("tls://" + c.Addrs().MQTT)
	if err != nil {
		t.Fatal(err)
	}
	manager, err := autopaho.NewConnection(ctx, autopaho.ClientConfig{
		ServerUrls: []*url.URL{server}, TlsCfg: c.tls(c.cert), KeepAlive: 20,
		CleanStartOnInitialConnection: true, SessionExpiryInterval: 60, ClientConfig: paho.ClientConfig{ClientID: "paho5"},
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := manager.AwaitConnection(ctx); err != nil {
		t.Fatal(err)
	}
	for range 100 {
		ack, err := manager.Publish(ctx, &paho.Publish{
			QoS: 1, Topic: "v1/telemetry", Payload: []byte(`{"measurements":{"a":1}}`),
			Properties: &paho.PublishProperties{ContentType: "application/json", User: paho.UserProperties{{Key: "line", Value: "A"}}},
		})
		if err != nil || ack.ReasonCode != 0 {
			t.Fatalf("publish: %+v %v", ack, err)
		}
	}
	if ack, err := manager.Publish(ctx, &paho.Publish{QoS: 1, Topic: "v1/telemetry", Payload: []byte(`7`)}); err == nil || ack.ReasonCode != 0x99 {
		t.Fatalf("a bad payload: %+v %v", ack, err)
	}
	if err := manager.Disconnect(ctx); err != nil {
		t.Fatal(err)
	}
	c.stored(100)
}

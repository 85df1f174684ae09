package main

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"log"
	"net"
	"net/url"
	"time"

	"github.com/lib/pq"
)

const (
	shelf = 7
	query = `
		WITH waited AS MATERIALIZED (SELECT pg_sleep($1))
		SELECT item.id, item.name, item.price_cents
		FROM waited, item
		WHERE item.shelf = $2
		ORDER BY item.id`
	reconnect = 100 * time.Millisecond
)

type item struct {
	ID         int    `json:"id"`
	Name       string `json:"name"`
	PriceCents int    `json:"price_cents"`
}

// newPool does not connect yet; the first query does.
func newPool(settings settings) *sql.DB {
	pool := sql.OpenDB(connector{withoutTLS(settings.databaseURL), settings.grace})
	pool.SetMaxOpenConns(settings.dbPool)
	pool.SetMaxIdleConns(settings.dbPool)
	return pool
}

// query reads rows by an index, after a wait of ms in the database.
func (s *service) query(ctx context.Context, ms int) ([]item, error) {
	taking, cancel := context.WithTimeout(ctx, s.settings.grace)
	connection, err := s.pool.Conn(taking)
	cancel()
	if err != nil {
		return nil, databaseFailed
	}
	defer connection.Close()
	wait := time.Duration(ms) * time.Millisecond
	ctx, cancel = context.WithTimeout(ctx, wait+s.settings.grace)
	defer cancel()
	items, err := read(ctx, connection, wait)
	if err != nil {
		// Its state is unknown, so it must not be used again.
		connection.Raw(func(any) error { return driver.ErrBadConn })
		return nil, databaseFailed
	}
	return items, nil
}

func read(ctx context.Context, connection *sql.Conn, wait time.Duration) ([]item, error) {
	rows, err := connection.QueryContext(ctx, query, wait.Seconds(), shelf)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	items := make([]item, 0, 10)
	for rows.Next() {
		var each item
		if err := rows.Scan(&each.ID, &each.Name, &each.PriceCents); err != nil {
			return nil, err
		}
		items = append(items, each)
	}
	return items, rows.Err()
}

// connector makes connections that have prepared the query and that keep to a context's deadline by themselves:
// lib/pq would end a query by asking PostgreSQL to, which one that hangs does not hear.
type connector struct {
	url   string
	grace time.Duration
}

func (c connector) Driver() driver.Driver { return &pq.Driver{} }

// Connect tries until its time is up, since PostgreSQL may be back at any moment.
func (c connector) Connect(ctx context.Context) (driver.Conn, error) {
	ctx, cancel := context.WithTimeout(ctx, c.grace)
	defer cancel()
	for {
		made, err := c.connect(ctx)
		if err == nil {
			return made, nil
		}
		select {
		case <-ctx.Done():
			return nil, err
		case <-time.After(reconnect):
		}
	}
}

func (c connector) connect(ctx context.Context) (driver.Conn, error) {
	dialer := &dialer{}
	plain, err := pq.NewConnector(c.url)
	if err != nil {
		return nil, err
	}
	plain.Dialer(dialer)
	made, err := plain.Connect(ctx)
	if err != nil {
		return nil, err
	}
	statement, err := made.Prepare(query)
	if err != nil {
		made.Close()
		return nil, err
	}
	return &connection{made, statement.(driver.StmtQueryContext), dialer.made}, nil
}

type connection struct {
	driver.Conn
	statement driver.StmtQueryContext
	socket    net.Conn
}

// QueryContext runs the only query of this service.
func (c *connection) QueryContext(ctx context.Context, _ string, arguments []driver.NamedValue) (driver.Rows, error) {
	deadline, _ := ctx.Deadline()
	if err := c.socket.SetDeadline(deadline); err != nil {
		return nil, driver.ErrBadConn
	}
	return c.statement.QueryContext(context.WithoutCancel(ctx), arguments)
}

// dialer keeps the socket that it made, to set deadlines on it. The first deadline is that of connecting.
type dialer struct{ made net.Conn }

func (d *dialer) DialContext(ctx context.Context, network, address string) (net.Conn, error) {
	made, err := (&net.Dialer{}).DialContext(ctx, network, address)
	if err != nil {
		return nil, err
	}
	d.made = made
	deadline, _ := ctx.Deadline()
	return made, made.SetDeadline(deadline)
}

func (d *dialer) Dial(network, address string) (net.Conn, error) {
	return d.DialContext(context.Background(), network, address)
}

func (d *dialer) DialTimeout(network, address string, timeout time.Duration) (net.Conn, error) {
	ctx, cancel := context.WithTimeout(context.Background(), timeout)
	defer cancel()
	return d.DialContext(ctx, network, address)
}

// withoutTLS adds sslmode=disable to an address without an sslmode. lib/pq would insist on TLS, unlike libpq.
func withoutTLS(address string) string {
	parsed, err := url.Parse(address)
	if err != nil {
		log.Fatalf("WAITBENCH_DATABASE_URL: %v", err)
	}
	options := parsed.Query()
	if !options.Has("sslmode") {
		options.Set("sslmode", "disable")
	}
	parsed.RawQuery = options.Encode()
	return parsed.String()
}

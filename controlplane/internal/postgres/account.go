package postgres

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"

	"github.com/millwright-io/millwright/controlplane/internal/audit"
	"github.com/millwright-io/millwright/controlplane/internal/key"
	"github.com/millwright-io/millwright/tenancy"
)

const accountColumns = `
select a.id, a.title, a.role, a.facilities, a.created_by, a.created_at,
  (select count(*) from keys k where k.tenant_id = a.tenant_id and k.service_account_id = a.id)
from service_accounts a
`

func scanAccount(row pgx.CollectableRow) (a key.ServiceAccount, err error) {
	err = row.Scan(&a.Name, &a.Title, &a.Role, &a.Facilities, &a.CreatedBy, &a.CreatedAt, &a.Keys)
	a.CreatedAt = a.CreatedAt.UTC()
	return a, err
}

// ServiceAccounts implements key.AccountStore.
func (s *Store) ServiceAccounts(ctx context.Context, id tenancy.ID) (list []key.ServiceAccount, err error) {
	err = s.inTenant(ctx, id, func(tx pgx.Tx) error {
		rows, err := tx.Query(ctx, accountColumns+"where a.tenant_id = $1 order by a.id", id)
		if err != nil {
			return fmt.Errorf("list service accounts: %w", err)
		}
		list, err = pgx.CollectRows(rows, scanAccount)
		return err
	})
	return list, err
}

// ServiceAccount implements key.AccountStore.
func (s *Store) ServiceAccount(ctx context.Context, id tenancy.ID, name string) (a key.ServiceAccount, err error) {
	err = s.inTenant(ctx, id, func(tx pgx.Tx) error {
		rows, err := tx.Query(ctx, accountColumns+"where a.tenant_id = $1 and a.id = $2", id, name)
		if err != nil {
			return fmt.Errorf("read service account: %w", err)
		}
		if a, err = pgx.CollectExactlyOneRow(rows, scanAccount); err != nil {
			return notFound(fmt.Errorf("read service account: %w", err), "there is no service account %s", name)
		}
		return nil
	})
	return a, err
}

func accountArgs(id tenancy.ID, a key.ServiceAccount) pgx.NamedArgs {
	return pgx.NamedArgs{
		"tenant": id, "id": a.Name, "title": a.Title, "role": string(a.Role), "facilities": texts(a.Facilities), "by": a.CreatedBy, "at": a.CreatedAt,
	}
}

// InsertServiceAccount implements key.AccountStore.
func (s *Store) InsertServiceAccount(ctx context.Context, id tenancy.ID, a key.ServiceAccount, e audit.Entry) error {
	return s.changeAccount(ctx, id, e, func(tx pgx.Tx) error {
		if _, err := s.lockTenant(ctx, tx, id); err != nil {
			return err
		}
		if err := underLimit(ctx, tx, tenancy.LimitServiceAccounts, id, key.MaximumAccounts); err != nil {
			return err
		}
		const query = `
insert into service_accounts (tenant_id, id, title, role, facilities, created_by, created_at)
values (@tenant, @id, @title, @role, @facilities, @by, @at)`
		_, err := tx.Exec(ctx, query, accountArgs(id, a))
		if violates(err, "service_accounts_pkey") {
			return fmt.Errorf("there is a service account %s already: %w", a.Name, tenancy.ErrExists)
		}
		return err
	})
}

// UpdateServiceAccount implements key.AccountStore. The database tells who remembers its keys, and the cells.
func (s *Store) UpdateServiceAccount(ctx context.Context, id tenancy.ID, a key.ServiceAccount, e audit.Entry) error {
	return s.changeAccount(ctx, id, e, func(tx pgx.Tx) error {
		const query = `update service_accounts set title = @title, role = @role, facilities = @facilities where tenant_id = @tenant and id = @id`
		_, err := tx.Exec(ctx, query, accountArgs(id, a))
		return err
	})
}

// DeleteServiceAccount implements key.AccountStore.
func (s *Store) DeleteServiceAccount(ctx context.Context, id tenancy.ID, name string, e audit.Entry) error {
	return s.changeAccount(ctx, id, e, func(tx pgx.Tx) error {
		rows, err := tx.Query(ctx, "delete from keys where tenant_id = $1 and service_account_id = $2 returning id", id, name)
		if err != nil {
			return fmt.Errorf("delete keys of service account: %w", err)
		}
		keys, err := pgx.CollectRows(rows, pgx.RowTo[string])
		if err != nil {
			return fmt.Errorf("delete keys of service account: %w", err)
		}
		for _, k := range keys {
			if err := announce(ctx, tx, id, "key", k); err != nil {
				return err
			}
		}
		_, err = tx.Exec(ctx, "delete from service_accounts where tenant_id = $1 and id = $2", id, name)
		return err
	})
}

// changeAccount forgets every key of the tenant that this process remembers: those of the account are among them.
func (s *Store) changeAccount(ctx context.Context, id tenancy.ID, e audit.Entry, f func(tx pgx.Tx) error) error {
	defer s.caller("tenant", string(id))
	err := s.inTenant(ctx, id, func(tx pgx.Tx) error {
		if err := f(tx); err != nil {
			return roleMissing(err)
		}
		return appendAudit(ctx, tx, e)
	})
	if err == nil {
		s.wake()
	}
	return err
}

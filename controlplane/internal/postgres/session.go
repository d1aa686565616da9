package postgres

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/jackc/pgx/v5"

	"github.com/millwright-io/millwright/controlplane/internal/audit"
	"github.com/millwright-io/millwright/controlplane/internal/tenant"
	"github.com/millwright-io/millwright/tenancy"
)

// The tenant that the session switched to, while the person is still a member; else the only membership.
const selectStanding = `
select m.tenant_id, m.role, m.facilities, t.second_factor_required
from members m
join tenants t on t.id = m.tenant_id
left join session_tenants s on s.tenant_id = m.tenant_id and s.session_id = @session and s.person_id = @person
where m.person_id = @person
  and (s.session_id is not null or (select count(*) from members where person_id = @person) = 1)
order by s.session_id nulls last
limit 1`

// Standing implements caller.Source.
func (s *Store) Standing(ctx context.Context, session, person string) (st tenant.Standing, err error) {
	err = s.inPerson(ctx, person, func(tx pgx.Tx) error {
		err := tx.QueryRow(ctx, selectStanding, pgx.NamedArgs{"session": session, "person": person}).Scan(&st.Tenant, &st.Role, &st.Facilities, &st.SecondFactorRequired)
		if errors.Is(err, pgx.ErrNoRows) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("read tenant of session: %w", err)
		}
		return nil
	})
	return st, err
}

const upsertSession = `
insert into session_tenants (session_id, person_id, tenant_id, updated_at)
select @session, @person, m.tenant_id, @now from members m where m.tenant_id = @tenant and m.person_id = @person
on conflict (session_id) do update set tenant_id = excluded.tenant_id, updated_at = excluded.updated_at`

// SetActingTenant implements tenant.Store.
func (s *Store) SetActingTenant(ctx context.Context, session, person string, id tenancy.ID, e audit.Entry) error {
	defer s.caller("person", person)
	return s.inPerson(ctx, person, func(tx pgx.Tx) error {
		tag, err := tx.Exec(ctx, upsertSession, pgx.NamedArgs{"session": session, "person": person, "tenant": id, "now": e.OccurredAt})
		if err != nil {
			return fmt.Errorf("switch session: %w", err)
		}
		if tag.RowsAffected() == 0 {
			return fmt.Errorf("you are a member of no organisation %s: %w", id, tenancy.ErrNotFound)
		}
		// The person is a member: from here on the transaction may speak for the tenant.
		if err := set(ctx, tx, "millwright.tenant", string(id)); err != nil {
			return err
		}
		return appendAudit(ctx, tx, e)
	})
}

// OnChange implements caller.Source; call it before anything else.
func (s *Store) OnChange(changed func(kind, id string)) { s.caller = changed }

// Changes implements caller.Source: it listens on a connection of its own.
func (s *Store) Changes(ctx context.Context, listening func(), changed func(kind, id string)) error {
	pooled, err := s.pool.Acquire(ctx)
	if err != nil {
		return translate(fmt.Errorf("connect to listen: %w", err))
	}
	conn := pooled.Hijack() // a connection that listens must not go back to the pool
	defer func() { _ = conn.Close(context.WithoutCancel(ctx)) }()
	if _, err := conn.Exec(ctx, "listen millwright_caller"); err != nil {
		return fmt.Errorf("listen: %w", err)
	}
	listening()
	for {
		n, err := conn.WaitForNotification(ctx)
		if err != nil {
			return fmt.Errorf("wait for changes of callers: %w", err)
		}
		kind, id, _ := strings.Cut(n.Payload, " ")
		changed(kind, id)
	}
}

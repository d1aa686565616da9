-- +goose Up

-- Cards that were entered are counted, and with which of them the payment of an invoice was tried: one that failed is tried with a newer card at once.
alter table payment_accounts add column cards integer not null default 0;
alter table payment_entries add column card integer not null default 0;

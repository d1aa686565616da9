-- +goose Up

-- Where devices connect with NATS; empty for a cell of an earlier version.
alter table cells add column nats_url text not null default '';

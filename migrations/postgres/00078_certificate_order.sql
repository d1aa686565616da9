-- +goose Up

-- Certificates of one device may begin in the same second; the one that was issued last is the newer one.
alter table certificates add column issued bigint generated always as identity;

-- The tables of pgbench.sql: the floor's.
CREATE TABLE users (id bigint PRIMARY KEY, tokens bigint NOT NULL CHECK (tokens >= 0), held bigint NOT NULL CHECK (held >= 0));
CREATE TABLE chat (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, user_id bigint NOT NULL, status text NOT NULL,
    message text NOT NULL, response text NOT NULL, hold bigint NOT NULL, cost bigint NOT NULL,
    created_at timestamptz NOT NULL, finished_at timestamptz);
CREATE TABLE ledger_entry (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, user_id bigint NOT NULL,
    amount bigint NOT NULL, balance_after bigint NOT NULL, reason text NOT NULL, chat_id bigint NOT NULL,
    created_at timestamptz NOT NULL);
INSERT INTO users SELECT id, 1000000000000, 0 FROM generate_series(1, 1000) AS id;

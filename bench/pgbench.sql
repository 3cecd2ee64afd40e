\set user random(1, 1000)
BEGIN;
UPDATE users SET tokens = tokens - 100, held = held + 100 WHERE id = :user AND tokens >= 100;
INSERT INTO chat (user_id, status, message, response, hold, cost, created_at)
    VALUES (:user, 'PENDING', 'What is it that you do all day long?', '', 100, 0, now()) RETURNING id AS chat \gset
COMMIT;
BEGIN;
UPDATE chat SET status = 'DONE', response = 'AI Response to: What is it that you do all day long?', cost = 100,
    finished_at = now() WHERE id = :chat AND status = 'PENDING';
UPDATE users SET held = held - 100 WHERE id = :user RETURNING tokens + held AS balance \gset
INSERT INTO ledger_entry (user_id, amount, balance_after, reason, chat_id, created_at)
    VALUES (:user, -100, :balance, 'CHAT_DONE', :chat, now());
COMMIT;

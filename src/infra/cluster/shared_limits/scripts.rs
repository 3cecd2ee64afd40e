//! The scripts that Redis runs, one for each decision.

/// The generic cell rate algorithm (GCRA), as in governor: a key holds the theoretical arrival time, in microseconds of
/// Redis's clock. The first key that rejects ends the script; the keys before it have counted one. A value that another
/// program wrote under the key blocks for no longer than a full burst.
pub(super) const RATE: &str = r"
    local time = redis.call('TIME')
    local now = time[1] * 1000000 + time[2]
    for i, key in ipairs(KEYS) do
        local step, burst = tonumber(ARGV[2 * i - 1]), tonumber(ARGV[2 * i])
        local paid = tonumber(redis.call('GET', key)) or 0
        if not (paid > now) then paid = now end
        paid = math.min(paid, now + burst) + step
        if paid - now > burst then
            return math.ceil(paid - now - burst)
        end
        redis.call('SET', key, string.format('%.0f', paid), 'PX', math.ceil((paid - now) / 1000))
    end
    return 0
";

/// Registers a log-in attempt, in milliseconds: see `core::throttle::FailureBackoff`. No wait is longer than the
/// ceiling, whatever the key holds.
pub(super) const TAKE: &str = r"
    local now, keep = tonumber(ARGV[1]), tonumber(ARGV[2])
    for i, key in ipairs(KEYS) do
        local free, ceiling = tonumber(ARGV[2 * i + 1]), tonumber(ARGV[2 * i + 2])
        local failed = redis.call('HMGET', key, 'count', 'until')
        local until_ = tonumber(failed[2]) or 0
        if until_ > now then
            return math.ceil(math.min(until_ - now, ceiling))
        end
        local count, wait = tonumber(failed[1]) or 0, 0
        if not (count > 0) then count = 0 end
        count = math.min(count, 1000) + 1
        if count > free then
            wait = math.min(1000 * 2 ^ (count - free - 1), ceiling)
        end
        redis.call('HSET', key, 'count', string.format('%.0f', count), 'until', string.format('%.0f', now + wait))
        redis.call('PEXPIRE', key, string.format('%.0f', wait + keep))
    end
    return 0
";

/// Records a successful attempt: clears the failures of the username (first key), and refunds one of the address
/// (second).
pub(super) const RIGHT: &str = r"
    redis.call('DEL', KEYS[1])
    if KEYS[2] then
        if redis.call('HINCRBY', KEYS[2], 'count', -1) <= 0 then
            redis.call('DEL', KEYS[2])
        else
            redis.call('HSET', KEYS[2], 'until', '0')
        end
    end
    return 0
";

CREATE OR REPLACE VIEW skyledger.function_usage AS
SELECT hour, function, sum(invocations)::bigint AS invocations, sum(failures)::bigint AS failures,
       sum(timeouts)::bigint AS timeouts, sum(cold_starts)::bigint AS cold_starts,
       sum(duration_ms) / nullif(sum(invocations), 0) AS duration_mean_ms, max(duration_max_ms) AS duration_max_ms,
       sum(billed_ms)::bigint AS billed_ms, sum(cpu_ms) AS cpu_ms, max(peak_memory_bytes) AS peak_memory_bytes,
       max(memory_mb) AS memory_mb
FROM kept.function_usage
GROUP BY hour, function;
COMMENT ON VIEW skyledger.function_usage IS 'What each of Skyledger''s functions did in each hour, all of its processes together.';
COMMENT ON COLUMN skyledger.function_usage.hour IS 'start of the hour in which the invocations ended, by the wall''s clock';
COMMENT ON COLUMN skyledger.function_usage.function IS 'the function''s name';
COMMENT ON COLUMN skyledger.function_usage.invocations IS 'invocations that ended in the hour';
COMMENT ON COLUMN skyledger.function_usage.failures IS 'of those, the ones that ended in an error, timeouts included';
COMMENT ON COLUMN skyledger.function_usage.timeouts IS 'of those, the ones still running a quarter of a second before their deadline';
COMMENT ON COLUMN skyledger.function_usage.cold_starts IS 'processes whose first invocation it was; null where functions share a process';
COMMENT ON COLUMN skyledger.function_usage.duration_mean_ms IS 'mean duration of an invocation in milliseconds, start-up excluded';
COMMENT ON COLUMN skyledger.function_usage.duration_max_ms IS 'longest invocation in milliseconds';
COMMENT ON COLUMN skyledger.function_usage.billed_ms IS 'estimate of the milliseconds billed, start-up included; null where nobody bills';
COMMENT ON COLUMN skyledger.function_usage.cpu_ms IS 'processor time in milliseconds; null where functions share a process';
COMMENT ON COLUMN skyledger.function_usage.peak_memory_bytes IS 'greatest resident size of any of its processes so far; null where functions share a process';
COMMENT ON COLUMN skyledger.function_usage.memory_mb IS 'memory the function was given; null outside Lambda';

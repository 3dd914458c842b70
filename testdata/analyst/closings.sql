-- My last 30 closings, and the score each lead had on entry: its first one, and
-- the last one before the deal ended. Run it in a folder that
-- `ghl-ledger export --dataset all --format parquet --out folder/` made.
WITH closing AS (
  SELECT contact_id, opportunity_id, outcome, value, known_at
  FROM read_parquet('labels/*/*.parquet')
  ORDER BY known_at DESC, seq DESC
  LIMIT 30
)
SELECT c.known_at, c.contact_id, c.opportunity_id, c.outcome, c.value,
       arg_min(s.score, s.seq) AS score_on_entry,
       arg_max(s.score, s.seq) FILTER (s.recorded_at < c.known_at) AS score_before_the_end,
       arg_min(s.quality, s.seq) AS quality_on_entry
FROM closing c
LEFT JOIN read_parquet('scores/*/*.parquet') s USING (contact_id)
GROUP BY ALL
ORDER BY c.known_at DESC, c.opportunity_id;

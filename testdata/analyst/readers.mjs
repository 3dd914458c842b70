// Opens an export folder in DuckDB and in hyparquet, which share no code with
// each other or with us: the columns must have the types of the dictionary,
// the rows must be as many as the manifest says, and both must read the same
// values. Then the example queries are run: closings.sql and those of a page,
// whose folder is called analysis. usage: node readers.mjs FOLDER README.md
import { readFileSync } from 'node:fs'
import { createHash } from 'node:crypto'
import { DuckDBInstance } from '@duckdb/node-api'
import { asyncBufferFromFile, parquetMetadataAsync, parquetReadObjects } from 'hyparquet'
import { compressors } from 'hyparquet-compressors'

const [folder, page] = process.argv.slice(2)
const queries = [...readFileSync(page, 'utf8').matchAll(/^```sql\n([^]*?)^```$/gm)].map(m => m[1])
process.chdir(folder)
const dictionary = JSON.parse(readFileSync('dictionary.json', 'utf8'))
const manifest = JSON.parse(readFileSync('manifest.json', 'utf8'))
const here = new URL('.', import.meta.url).pathname
const duck = await (await DuckDBInstance.create()).connect()

let checked = 0
const faults = []
function want(what, got, wanted) {
  checked++
  if (JSON.stringify(got) !== JSON.stringify(wanted)) faults.push(`${what}: got ${JSON.stringify(got)}, want ${JSON.stringify(wanted)}`)
}

const inDuckDB = { 'int64': 'BIGINT', 'double': 'DOUBLE', 'boolean': 'BOOLEAN', 'string': 'VARCHAR', 'timestamp[us, UTC]': 'TIMESTAMP WITH TIME ZONE' }
const inHyparquet = { 'int64': 'INT64', 'double': 'DOUBLE', 'boolean': 'BOOLEAN', 'string': 'BYTE_ARRAY', 'timestamp[us, UTC]': 'INT64' }

async function rowsOf(sql) {
  return (await duck.runAndReadAll(sql)).getRowObjects()
}

// plain makes one value of a reader's own kinds: times are microseconds.
function plain(v) {
  if (v === null || v === undefined) return null
  if (typeof v === 'bigint') return Number(v)
  if (v instanceof Date) return v.getTime() * 1000
  if (typeof v === 'object' && 'micros' in v) return Number(v.micros)
  return v
}

// truncated drops microseconds below the millisecond, which hyparquet's Date has not.
function comparable(v, type) {
  const p = plain(v)
  return p !== null && type.startsWith('timestamp') ? Math.floor(p / 1000) : p
}

async function file(columns, f) {
  want(`${f.path} SHA-256`, createHash('sha256').update(readFileSync(f.path)).digest('hex'), f.sha256)
  const described = await rowsOf(`DESCRIBE SELECT * FROM read_parquet('${f.path}', hive_partitioning = false)`)
  want(`${f.path} columns in DuckDB`, described.map(d => [d.column_name, d.column_type]), columns.map(c => [c.name, inDuckDB[c.type]]))
  const buffer = await asyncBufferFromFile(f.path)
  const metadata = await parquetMetadataAsync(buffer)
  const leaves = metadata.schema.slice(1)
  want(`${f.path} columns in hyparquet`, leaves.map(s => [s.name, s.type, s.repetition_type]),
    columns.map(c => [c.name, inHyparquet[c.type], c.nulls ? 'OPTIONAL' : 'REQUIRED']))
  for (const [i, c] of columns.entries()) {
    if (!c.type.startsWith('timestamp')) continue
    want(`${f.path} ${c.name}`, [leaves[i].logical_type?.isAdjustedToUTC, leaves[i].logical_type?.unit], [true, 'MICROS'])
  }
  const inDuck = await rowsOf(`SELECT * FROM read_parquet('${f.path}', hive_partitioning = false)`)
  const inHypa = await parquetReadObjects({ file: buffer, compressors })
  want(`${f.path} rows in DuckDB`, inDuck.length, f.rows)
  want(`${f.path} rows in hyparquet`, inHypa.length, f.rows)
  for (let i = 0; i < f.rows; i++) {
    for (const c of columns) {
      want(`${f.path} row ${i} ${c.name}`, comparable(inDuck[i][c.name], c.type), comparable(inHypa[i][c.name], c.type))
    }
  }
}

for (const e of manifest.exports) {
  const columns = dictionary.datasets.find(d => d.name === e.dataset).columns
  for (const f of e.files) await file(columns, f)
  const [{ n }] = await rowsOf(`SELECT count(*) AS n FROM read_parquet('${e.dataset}/*/*.parquet')`)
  want(`${e.dataset}: rows of all files`, Number(n), e.rows)
  console.log(`${e.dataset}: ${e.files.length} files, ${e.rows} rows, ${columns.length} columns`)
}

const closings = await rowsOf(readFileSync(here + 'closings.sql', 'utf8'))
console.log(`the last closings and the score on entry: ${closings.length} rows`)
for (const c of closings.slice(0, 3)) console.log('  ' + Object.values(c).map(String).join('  '))
want('closings', closings.length, 30)
want('closings without a score on entry', closings.filter(c => c.score_on_entry === null).length, 0)

process.chdir('..')
want('queries of the page', queries.length > 0, true)
for (const q of queries) {
  const rows = await rowsOf(q)
  console.log(`${q.split('\n')[0]}: ${rows.length} rows`)
  for (const r of rows.slice(0, 3)) console.log('  ' + Object.values(r).map(String).join('  '))
  want('rows of a query of the page', rows.length > 0 && rows.every(r => Object.values(r).every(v => v !== null)), true)
}

for (const f of faults.slice(0, 20)) console.error(f)
console.log(`${checked} comparisons by DuckDB and hyparquet, ${faults.length} faults`)
process.exit(faults.length || checked < 1000 ? 1 : 0)

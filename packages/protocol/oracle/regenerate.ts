/**
 * Makes fixtures/kafka.jsonl.zst anew from Apache Kafka's own classes, then lets those classes read batches of ours.
 * Needs Java 17 or later and Maven. Run: `node packages/protocol/oracle/regenerate.ts`.
 */
import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { constants, zstdCompressSync } from 'node:zlib'
import { RecordBatchBuilder } from '../src/records/record-batch-builder.ts'
import { compressionCodecs } from '../src/records/compression.ts'
import { crc32c } from '../src/records/crc32c.ts'
import { apis } from '../src/registry.ts'

const folder = import.meta.dirname
const work = mkdtempSync(join(tmpdir(), 'millrace-oracle-'))
try {
  const classPath = readClassPath()
  writeGoldens(classPath)
  checkThatJavaReadsOurs(classPath)
} finally {
  rmSync(work, { recursive: true })
}

function readClassPath(): string {
  const file = join(work, 'classpath')
  execFileSync('mvn', ['-q', '-B', 'dependency:build-classpath', `-Dmdep.outputFile=${file}`], {
    cwd: folder,
    stdio: 'inherit',
  })
  return readFileSync(file, 'utf8')
}

function runOracle(classPath: string, args: readonly string[]): string {
  return execFileSync('java', ['-cp', classPath, join(folder, 'Oracle.java'), ...args], {
    encoding: 'utf8',
    maxBuffer: 2 ** 28,
  })
}

function writeGoldens(classPath: string): void {
  const messages = apis.flatMap(({ name, minVersion, maxVersion }) => [
    `${name}Request:${minVersion}-${maxVersion}`,
    `${name}Response:${minVersion}-${maxVersion}`,
  ])
  const lines = runOracle(classPath, [
    'goldens',
    ...messages,
    'ConsumerProtocolSubscription:0-3',
    'ConsumerProtocolAssignment:0-3',
  ])
  const packed = zstdCompressSync(lines, {
    params: { [constants.ZSTD_c_compressionLevel]: 19, [constants.ZSTD_c_windowLog]: 23 },
  })
  writeFileSync(join(folder, '../fixtures/kafka.jsonl.zst'), packed)
  process.stdout.write(`${lines.split('\n').length - 1} goldens in ${packed.length} bytes\n`)
}

function checkThatJavaReadsOurs(classPath: string): void {
  const batches: { batch: Buffer; values: (readonly [number, number] | null)[] }[] = []
  for (const codec of Object.values(compressionCodecs)) {
    for (const valueBytes of [1, 300, 40_000]) batches.push(makeBatch(codec, valueBytes))
  }
  const file = join(work, 'batches')
  writeFileSync(file, batches.map(({ batch }) => batch.toString('base64')).join('\n'))
  const read = runOracle(classPath, ['read', file]).trim().split('\n')
  assert.equal(read.length, batches.length)
  for (const [index, line] of read.entries()) {
    const { records } = JSON.parse(line) as { records: { value: [number, number] | null }[] }
    assert.deepEqual(
      records.map(({ value }) => value),
      batches[index]!.values,
    )
  }
  process.stdout.write(`Java read ${read.length} batches of ours\n`)
}

function makeBatch(codec: number, valueBytes: number) {
  const builder = new RecordBatchBuilder()
  const values: (readonly [number, number] | null)[] = []
  for (let i = 0; i < 20; i++) {
    const value =
      i % 6 === 5
        ? null
        : Buffer.from(`record ${i} `.repeat(valueBytes / 4)).map((byte, at) =>
            at % 97 === i ? at : byte,
          )
    builder.add(
      `key-${i}`,
      value,
      [
        ['h', `${i}`],
        ['none', null],
      ],
      1_700_000_000_000 - i * 1000,
    )
    values.push(value === null ? null : [value.length, crc32c(value)])
  }
  const batch = builder.build({
    codec,
    producerId: 5,
    producerEpoch: 1,
    baseSequence: 7,
    transactional: true,
  })
  return { batch, values }
}

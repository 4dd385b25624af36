/** A process that starts our broker in itself, as a test suite would: the first with the import of its code, then a second. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { serveJob } from './clients/client-job.ts'

/** ms */
export interface InProcessStart {
  readonly importMs: number
  readonly firstMs: number
  readonly nextMs: number
}

async function start(): Promise<InProcessStart> {
  const folder = mkdtempSync(join(tmpdir(), 'millrace-bench-'))
  const beganAtMs = performance.now()
  const { startBroker } = await import('@millrace/broker')
  const importedAtMs = performance.now()
  const first = await startBroker({ dir: join(folder, 'first') })
  const firstAtMs = performance.now()
  const next = await startBroker({ dir: join(folder, 'next') })
  const nextAtMs = performance.now()
  await Promise.all([first.close(), next.close()])
  rmSync(folder, { recursive: true, force: true })
  return {
    importMs: importedAtMs - beganAtMs,
    firstMs: firstAtMs - importedAtMs,
    nextMs: nextAtMs - firstAtMs,
  }
}

await serveJob({ start })

import { stat } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import type { PartState } from './part.ts'

const script = fileURLToPath(new URL('../bin/web-build.mjs', import.meta.url))

/** Builds the web app when its sources changed since the last build. A failed build does not stop the start: the page says so itself. */
export async function buildWebIfStale(
  onChange: (state: PartState, detail: string) => void,
): Promise<void> {
  onChange('starting', 'building if sources changed')
  try {
    await stat(script)
    await promisify(execFile)(process.execPath, [script])
    onChange('ready', '')
  } catch (error) {
    onChange('failed', (error as Error).message.split('\n').slice(0, 3).join(' '))
  }
}

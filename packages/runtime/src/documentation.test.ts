import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { readFile } from 'node:fs/promises'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { eventually } from '@millrace/core/testing'
import { problemCodes, runtimeErrors } from './index.ts'

const packageDir = new URL('..', import.meta.url)
const readme = await readFile(new URL('README.md', packageDir), 'utf8')

test('README: the codes it names are the codes there are', () => {
  const named = new Set(readme.match(/MR_(?:HTTP|RUNTIME)_[A-Z0-9_]+/g))
  assert.deepEqual(
    [...named].toSorted(),
    [...Object.keys(problemCodes), ...Object.keys(runtimeErrors)].toSorted(),
  )
})

test('README: its example runs', async () => {
  const example = /```ts\n([\s\S]*?)```/.exec(readme)?.[1] ?? ''
  const child = spawn(process.execPath, ['--input-type=module-typescript', '--eval', example], {
    cwd: fileURLToPath(packageDir),
    env: { PORT: '0', GREETING_WORD: 'Ahoy', LOG_LEVEL: 'error' },
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  try {
    let output = ''
    child.stdout.on('data', (chunk: Buffer) => (output += chunk.toString()))
    const line = await eventually(
      'it listens',
      () => /^\{"event":"listening".*\}$/m.exec(output)?.[0],
    )
    const { port } = JSON.parse(line) as { port: number }
    const answer = await eventually('it answers', async () => {
      const response = await fetch(`http://127.0.0.1:${port}/api/hello`, {
        headers: { 'x-user-id': 'ada' },
      })
      return response.ok && (await response.json())
    })
    assert.deepEqual(answer, { text: 'Ahoy, ada' })
  } finally {
    child.kill('SIGKILL')
  }
})

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Progress, type OutputStyle, type StartStatus } from './progress.ts'

function progressOf(style: OutputStyle) {
  const written: string[] = []
  const statuses: StartStatus[] = []
  const progress = new Progress({
    style,
    hasColour: false,
    write: (text) => void written.push(text),
    onStatus: (status) => void statuses.push(status),
  })
  return { progress, written, statuses }
}

test('progress: piped, a part is told of when it is ready or failed, in plain lines', () => {
  const { progress, written } = progressOf('plain')
  progress.part('postgres', 'starting', '')
  progress.part('postgres', 'ready', 'localhost:5432')
  progress.part('broker', 'failed', 'port taken')
  assert.equal(written.length, 2)
  assert.match(written[0] ?? '', /^ {2}ok +postgres +0\.0 s +localhost:5432\n$/)
  assert.match(written[1] ?? '', /^ {2}FAILED broker +port taken\n$/)
})

test('progress: --json gives one object per line and nothing else', () => {
  const { progress, written } = progressOf('json')
  progress.say('console', 'for people', { url: 'http://x' })
  progress.part('broker', 'ready', '')
  const lines = written.map((text) => JSON.parse(text) as Record<string, unknown>)
  assert.deepEqual(lines[0], { event: 'console', url: 'http://x' })
  assert.deepEqual(
    [lines[1]?.['event'], lines[1]?.['name'], lines[1]?.['state']],
    ['part', 'broker', 'ready'],
  )
})

test('progress: on a terminal the block of parts is drawn again in place, and stays when the start is over', () => {
  const { progress, written } = progressOf('terminal')
  progress.part('broker', 'starting', '')
  progress.part('broker', 'ready', '')
  assert.ok(written.includes('\u001b[1A\u001b[0J'), 'the former line is cleared')
  progress.closeBlock()
  written.length = 0
  progress.say('ready', 'Ready in 2.0 s')
  assert.deepEqual(written, ['Ready in 2.0 s\n'])
})

test('progress: the page is told of each change once', () => {
  const { progress, statuses } = progressOf('plain')
  progress.part('broker', 'starting', '')
  progress.part('broker', 'starting', '')
  progress.part('broker', 'ready', 'here')
  assert.deepEqual(
    statuses.map((status) => status.parts[0]?.state),
    ['starting', 'ready'],
  )
})

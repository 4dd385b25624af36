import assert from 'node:assert/strict'
import { test } from 'node:test'
import { archiveOldDays, type ArchivedLogs, type ArchiveSettings } from './archive.ts'

/** A service's life, by hand, and logs that note what is asked of them. */
function life(config: ArchiveSettings) {
  const told: string[] = []
  const starts: (() => void | Promise<void>)[] = []
  const ends: (() => void | Promise<void>)[] = []
  const run = (name: string) => (days: object) => {
    told.push(`${name} ${JSON.stringify(days)}`)
    return { close: async () => void told.push(`${name} closed`) }
  }
  const logs: ArchivedLogs = {
    production: { startArchive: run('production') },
    consumptions: [{ scheduleArchive: run('first') }, { scheduleArchive: run('second') }],
  }
  archiveOldDays(
    {
      config,
      onStart: (fn) => void starts.push(() => fn(new AbortController().signal)),
      onClose: (fn) => void ends.push(fn),
    },
    logs,
  )
  return { told, starts, ends }
}

const days = { archiveHotDays: 14, consumptionHotDays: 30, restoredDays: 7 }

test('archive: each log of the service is archived by its own days, once, until the service ends', async () => {
  const { told, starts, ends } = life({ archiveDirectory: '/files', ...days })
  // A start is tried again after a fault of a later part.
  for (let attempt = 0; attempt < 2; attempt++) for (const start of starts) await start()
  const of = (hotDays: number) => JSON.stringify({ directory: '/files', hotDays, restoredDays: 7 })
  assert.deepEqual(told, [`production ${of(14)}`, `first ${of(30)}`, `second ${of(30)}`])
  for (const end of ends) await end()
  assert.deepEqual(told.slice(3), ['production closed', 'first closed', 'second closed'])
})

test('archive: without a directory nothing happens', () => {
  const { told, starts, ends } = life({ archiveDirectory: null, ...days })
  assert.deepEqual([told, starts, ends], [[], [], []])
})

test('archive: a log without its rows in the config is a fault of the service', () => {
  const { starts } = life({ archiveDirectory: '/files', archiveHotDays: 14, restoredDays: 7 })
  assert.throws(() => starts[0]?.(), /has its rows in the config/)
})

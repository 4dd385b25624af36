import assert from 'node:assert/strict'
import { test } from 'node:test'
import { systemClock } from '@millrace/core'
import type { Queryable, QueryResult } from '@millrace/postgres'
import type { ProviderSetting } from '../sql/provider-setting.ts'
import { FakeProvider } from './fake-provider.ts'

test('fake provider: a setting that was read before a change and comes after it is not taken', async () => {
  const rows: ProviderSetting[] = [{ mode: 'normal', delayMs: 0, rate: 1 }]
  const read = Promise.withResolvers<void>()
  const database: Queryable = {
    async query<Row extends object>(_: unknown, values?: readonly unknown[]) {
      if (!values) await read.promise
      return { rows: values ? [] : rows, rowCount: 1 } as unknown as QueryResult<Row>
    },
  }
  const provider = new FakeProvider(database, systemClock)
  const reading = provider.setting()
  const silent = { mode: 'silent', delayMs: 0, rate: 1 } as const
  await provider.change(silent)
  read.resolve()
  assert.deepEqual(await reading, silent)
  assert.deepEqual(await provider.setting(), silent)
})

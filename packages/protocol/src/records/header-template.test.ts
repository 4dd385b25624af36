import assert from 'node:assert/strict'
import { test } from 'node:test'
import * as fc from 'fast-check'
import { HeaderTemplate } from './header-template.ts'
import { RecordBatchBuilder } from './record-batch-builder.ts'

test('header template: gives the same batch as headers given one by one, whatever the texts', () => {
  const text = fc.oneof(
    fc.string(),
    fc.string({ unit: 'grapheme', maxLength: 80 }),
    fc.string({ minLength: 60, maxLength: 3_000 }),
  )
  fc.assert(
    fc.property(fc.array(fc.tuple(fc.string(), text), { maxLength: 12 }), (headers) => {
      const template = new HeaderTemplate(headers.map(([name]) => name))
      const values = headers.map(([, value]) => value)
      const [plain, encoded] = [new RecordBatchBuilder(), new RecordBatchBuilder()]
      for (const timestampMs of [5, 7]) {
        plain.add('key', 'value', headers, timestampMs)
        encoded.add('key', 'value', template.encode(values), timestampMs)
      }
      assert.deepEqual(encoded.build(), plain.build())
    }),
  )
})

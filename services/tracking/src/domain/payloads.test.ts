import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ContractRegistry, defineEvent } from '@millrace/events'
import { Type } from 'typebox'
import { payloadsOf } from './payloads.ts'
import type { TrackedEvent } from './tracked-event.ts'

const contracts = new ContractRegistry([
  defineEvent({
    eventType: 'card_added',
    version: 1,
    topic: 'cards',
    aggregateType: 'card',
    description: 'A card was added.',
    data: Type.Object({ number: Type.String({ secret: true }), limit: Type.Number() }),
  }),
])

function tracked(
  eventType: string,
  written: string,
  received: string | null,
  metadata: Readonly<Record<string, unknown>> = {},
): TrackedEvent {
  const consumption = { payload: received, eventType, consumerGroup: 'bank', metadata }
  return {
    eventId: 'e',
    production: { source: 'shop', row: { payload: written, eventType } as never },
    consumptions: [{ source: 'bank', row: consumption as never }],
  }
}

const card = '{"version":1,"data":{"number":"4242 4242","limit":12345678901234567890}}'

test('payloads: what the contract calls secret is hidden on every side, all else is byte for byte', () => {
  const shown = payloadsOf(tracked('card_added', card, card), contracts)
  const masked = '{"version":1,"data":{"number":"***","limit":12345678901234567890}}'
  assert.deepEqual(
    [shown.production?.text, shown.production?.isMasked, shown.production?.sizeBytes],
    [masked, true, card.length],
  )
  assert.deepEqual(shown.consumptions[0], {
    database: 'bank',
    consumerGroup: 'bank',
    isSame: true,
    payload: { text: masked, isMasked: true, sizeBytes: card.length },
  })
})

test('payloads: of a type without secrets nothing is touched; none kept is null', () => {
  const shown = payloadsOf(tracked('unknown_type', card, null), contracts)
  assert.deepEqual([shown.production?.text, shown.production?.isMasked], [card, false])
  assert.deepEqual([shown.consumptions[0]?.payload, shown.consumptions[0]?.isSame], [null, false])
})

test('payloads: a record that broke its contract is kept in base64, and hides its secrets all the same', () => {
  const broken =
    '{"eventType":"card_added","version":1,"data":{"number":"4242 4242","limit":"many"}}'
  const masked = broken.replace('"4242 4242"', '"***"')
  const base64 = Buffer.from(broken).toString('base64')
  const row = tracked('undecodable', broken, base64, { payloadEncoding: 'base64' })
  assert.deepEqual(payloadsOf(row, contracts).consumptions[0], {
    database: 'bank',
    consumerGroup: 'bank',
    isSame: true,
    payload: {
      text: Buffer.from(masked).toString('base64'),
      isMasked: true,
      sizeBytes: broken.length,
    },
  })
  // Edited: text again, but the row goes on to name no type.
  const edited = payloadsOf(tracked('undecodable', broken, broken), contracts)
  assert.equal(edited.consumptions[0]?.payload?.text, masked)
  // No text, no JSON: as it was, also bytes that are not UTF-8.
  const bytes = Buffer.from([0xff, 0x00, 0x7b]).toString('base64')
  const raw = payloadsOf(
    tracked('undecodable', '', bytes, { payloadEncoding: 'base64' }),
    contracts,
  )
  assert.deepEqual(raw.consumptions[0]?.payload, { text: bytes, isMasked: false, sizeBytes: 3 })
})

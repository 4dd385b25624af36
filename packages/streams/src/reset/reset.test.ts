import assert from 'node:assert/strict'
import { test } from 'node:test'
import { runCommand } from './command.ts'
import { durationMs } from './duration.ts'
import { internalTopics } from './internal-topics.ts'

for (const { name, topic, isOwn, groups = [] } of [
  { name: 'a changelog', topic: 'shop-counts-changelog', isOwn: true },
  { name: 'a repartition', topic: 'shop-words-repartition', isOwn: true },
  {
    name: 'subscriptions of a named join',
    topic: 'shop-j-subscription-registration-topic',
    isOwn: true,
  },
  { name: 'answers of a named join', topic: 'shop-j-subscription-response-topic', isOwn: true },
  {
    name: 'subscriptions of a nameless join',
    topic: 'shop-KTABLE-FK-JOIN-SUBSCRIPTION-REGISTRATION-0000000006-topic',
    isOwn: true,
  },
  { name: 'an output that begins like it', topic: 'shop-counts', isOwn: false },
  { name: 'of another application', topic: 'cart-counts-changelog', isOwn: false },
  {
    name: 'of a longer id whose group is there',
    topic: 'shop-eu-counts-changelog',
    isOwn: false,
    groups: ['shop', 'shop-eu'],
  },
])
  test(`internal topics of "shop": ${name}`, () => {
    assert.deepEqual(internalTopics('shop', [topic], groups), isOwn ? [topic] : [])
  })

for (const [text, ms] of [
  ['P1D', 86_400_000],
  ['PT1.5S', 1_500],
  ['P1DT2H3M4S', 93_784_000],
] as const)
  test(`durations: ${text} is ${ms} ms`, () => assert.equal(durationMs(text), ms))

for (const text of ['', 'P', 'PT', '1h', 'P1M', 'P1DT'])
  test(`durations: "${text}" is refused`, () => {
    assert.throws(() => durationMs(text), { code: 'MR_STREAMS_BAD_OPTION' })
  })

for (const { args, status, says } of [
  { args: ['--help'], status: 0, says: /--shift-by N/ },
  { args: [], status: 1, says: /millrace-streams reset/ },
  { args: ['reset'], status: 1, says: /--application-id is undefined/ },
  {
    args: ['reset', '--application-id', 'a', '--to-latest', '--to-earliest'],
    status: 1,
    says: /cannot be combined/,
  },
  {
    args: ['reset', '--application-id', 'a', '--shift-by', 'x'],
    status: 1,
    says: /must be an integer/,
  },
  {
    args: ['reset', '--application-id', 'a', '--to-datetime', 'soon'],
    status: 1,
    says: /must be a time/,
  },
  { args: ['reset', '--unknown'], status: 1, says: /--unknown/ },
])
  test(`reset command: ${args.join(' ') || 'nothing'} ends with ${status} and says why`, async () => {
    let text = ''
    const print = (part: string): void => void (text += part)
    assert.equal(await runCommand(args, { out: print, err: print }), status)
    assert.match(text, says)
  })

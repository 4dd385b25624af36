import assert from 'node:assert/strict'
import { test } from 'node:test'
import * as fc from 'fast-check'
import { PatternFault, TopicPattern } from './topic-pattern.ts'

const matching: readonly (readonly [
  pattern: string,
  matches: readonly string[],
  not: readonly string[],
])[] = [
  ['orders', ['orders'], ['order', 'orders2', 'my-orders']],
  ['orders.*', ['orders', 'orders-eu'], ['my-orders']],
  ['', [''], ['a']],
  ['a|b|', ['a', 'b', ''], ['ab']],
  ['(?:eu|us)-(orders|bills)', ['eu-orders', 'us-bills'], ['eu-', 'eu-us-orders']],
  ['(?P<region>eu)-x', ['eu-x'], ['x']],
  ['[a-c_]+[^0-9]', ['abc_x', 'ab'], ['a', 'ab1', 'xa']],
  ['[]x-]+', [']', 'x-'], ['a']],
  ['[[:alpha:]]{2,3}', ['ab', 'abc'], ['a', 'abcd', 'a1']],
  ['[[:^digit:]\\d]', ['1', 'a'], ['']],
  ['\\d{3}', ['123'], ['12', '1234']],
  ['a{0}b', ['b'], ['ab']],
  ['x{2,}', ['xx', 'xxxxx'], ['x']],
  ['a{,2}', ['a{,2}'], ['aa']],
  ['\\Qa.b*\\E+', ['a.b*', 'a.b**'], ['axb']],
  ['(?i)Orders-(?-i)EU', ['ORDERS-EU', 'orders-EU'], ['orders-eu']],
  ['(?i:a)b', ['ab', 'Ab'], ['aB']],
  ['^a$', ['a'], ['ab']],
  ['\\ba\\b.*', ['a', 'a.b'], ['ab']],
  ['a\\Bb', ['ab'], ['a']],
  ['\\x41\\x{42}\\103', ['ABC'], ['abc']],
  ['a+?b*?', ['a', 'aab'], ['b']],
  ['(a*)*', ['', 'aaa'], ['b']],
  ['a.c', ['abc', 'a.c'], ['ac', 'a\nc']],
  ['grün', [], ['grün', 'grun']],
]

for (const [pattern, matches, not] of matching)
  test(`topic pattern: ${pattern || '(empty)'}`, () => {
    const compiled = new TopicPattern(pattern)
    for (const name of matches) assert.ok(compiled.matches(name), name)
    for (const name of not) assert.ok(!compiled.matches(name), name)
  })

for (const pattern of [
  '(',
  ')',
  '[',
  '[a',
  'a)',
  '*',
  'a**',
  'a+{2}',
  '\\',
  '(?=a)',
  '(?<!a)b',
  '(a)\\1',
  '\\pL',
  '\\y',
  '[z-a]',
  '[[:foo:]]',
  'a{2,1}',
  'a{1001}',
  '(?x)a',
  '((a{100}){100}){100}',
  '((()){1000}){1000}',
  `${'('.repeat(300)}a${')'.repeat(300)}`,
  'a'.repeat(5_000),
])
  test(`topic pattern: ${pattern.slice(0, 30)} is refused`, () => {
    assert.throws(() => new TopicPattern(pattern), PatternFault)
  })

test('topic pattern: what makes a backtracking engine hang is answered at once', () => {
  const startedMs = performance.now()
  assert.ok(!new TopicPattern('(a+)+b').matches('a'.repeat(249)))
  assert.ok(!new TopicPattern('(a|a|aa)*c').matches('a'.repeat(249)))
  assert.ok(performance.now() - startedMs < 60_000)
})

test('topic pattern: agrees with JavaScript on patterns that both know', () => {
  const atom = fc.constantFrom('a', 'b', '.', '[ab]', '[^a]', '\\d', '(?:a|b)', '(b)', '\\.', 'a|b')
  const repeat = fc.constantFrom('', '*', '+', '?', '{2}', '{1,3}', '{0,}')
  const pattern = fc
    .array(fc.tuple(atom, repeat), { maxLength: 5 })
    .map((parts) => parts.map(([part, times]) => part + times).join(''))
  const name = fc.string({ unit: fc.constantFrom('a', 'b', '1', '.'), maxLength: 8 })
  fc.assert(
    fc.property(pattern, name, (text, topic) => {
      assert.equal(
        new TopicPattern(text).matches(topic),
        new RegExp(`^(?:${text})$`, 'u').test(topic),
      )
    }),
    { numRuns: 2_000 },
  )
})

test('topic pattern: any text is a pattern or a fault, never anything else', () => {
  const text = fc.string({
    unit: fc.constantFrom(...Array.from('ab()[]{}|*+?\\^$.-:,1QEipx<>P')),
    maxLength: 12,
  })
  fc.assert(
    fc.property(text, (pattern) => {
      try {
        new TopicPattern(pattern).matches('ab.1')
      } catch (error) {
        assert.ok(error instanceof PatternFault, String(error))
      }
    }),
    { numRuns: 3_000 },
  )
})

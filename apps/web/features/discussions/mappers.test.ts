import assert from 'node:assert/strict'
import { test } from 'node:test'
import * as fc from 'fast-check'
import { toCommentTree, toThread, toThreadPage, withVote } from './mappers.ts'
import type { Comment, VoteTally } from './model.ts'

const wireThread = {
  id: 't1',
  courseId: 'qc/quantum-gate',
  title: 'Why?',
  content: 'Because.',
  authorId: null,
  createdAt: '2026-11-21T10:00:00.123456Z',
  editedAt: null,
  viewCount: 3,
  commentCount: 1,
  upvotes: 2,
  downvotes: 0,
  myVote: 1,
  version: 4,
}

function comment(id: string, parentId: string | null, more: Partial<Comment> = {}): Comment {
  return {
    id,
    parentId,
    kind: 'comment',
    content: id,
    authorId: 'ada',
    createdAtMs: 0,
    editedAtMs: null,
    isDeleted: false,
    isAccepted: false,
    votes: { upvotes: 0, downvotes: 0, mine: 0 },
    ...more,
  }
}

const shape = (nodes: ReturnType<typeof toCommentTree>): string =>
  nodes.map(({ comment, replies }) => `${comment.id}(${shape(replies)})`).join('')

test('thread: is read with its comments; an author who left is null', () => {
  const thread = toThread({
    ...wireThread,
    comments: [{ ...wireThread, id: 'c1', parentId: null, kind: 'answer' }],
  })
  assert.equal(thread.authorId, null)
  assert.deepEqual(thread.votes, { upvotes: 2, downvotes: 0, mine: 1 })
  assert.equal(thread.comments[0]?.kind, 'answer')
})

test('thread: a wrong type is refused with its path', () => {
  assert.throws(() => toThread({ ...wireThread, title: 7 }), /thread\.title should be text/)
  assert.throws(() => toThreadPage({ items: [{}] }), /threads\.items\[0\]\.id should be text/)
})

test('thread page: the last page has no cursor', () => {
  assert.deepEqual(toThreadPage({ items: [], nextCursor: null }), { items: [], nextCursor: null })
})

for (const c of [
  {
    name: 'replies stand under their parent, oldest first',
    of: [
      comment('b', null, { createdAtMs: 2 }),
      comment('a', null, { createdAtMs: 1 }),
      comment('r', 'a'),
    ],
    is: 'a(r())b()',
  },
  { name: 'a reply to an unknown comment is not lost', of: [comment('r', 'gone')], is: 'r()' },
  {
    name: 'a deleted comment stays while it is answered',
    of: [comment('d', null, { isDeleted: true }), comment('r', 'd')],
    is: 'd(r())',
  },
  {
    name: 'a deleted comment without answers goes',
    of: [comment('d', null, { isDeleted: true })],
    is: '',
  },
]) {
  test(`comment tree: ${c.name}`, () => assert.equal(shape(toCommentTree(c.of)), c.is))
}

test('comment tree: no comment appears twice, whatever the parents say', () => {
  const id = fc.constantFrom('a', 'b', 'c', 'd')
  const comments = fc.uniqueArray(fc.record({ id, parentId: fc.option(id) }), {
    selector: (c) => c.id,
  })
  fc.assert(
    fc.property(comments, (list) => {
      const text = shape(toCommentTree(list.map((c) => comment(c.id, c.parentId))))
      const ids = text.replaceAll(/[()]/g, '')
      assert.equal(new Set(ids).size, ids.length)
    }),
  )
})

for (const c of [
  { name: 'first up vote', mine: 0, next: 1, is: [3, 1] },
  { name: 'up to down', mine: 1, next: -1, is: [1, 2] },
  { name: 'taken back', mine: -1, next: 0, is: [2, 0] },
] as const) {
  test(`vote: ${c.name} shifts the counts at once`, () => {
    const votes: VoteTally = { upvotes: 2, downvotes: 1, mine: c.mine }
    const after = withVote(votes, c.next)
    assert.deepEqual([after.upvotes, after.downvotes, after.mine], [...c.is, c.next])
  })
}

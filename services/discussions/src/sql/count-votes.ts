/**
 * The part of a statement that brings a changed vote into the counts of its post ($2) and makes a new version of its thread ($1). It
 * needs a CTE `effect` with one row of `up`, `down`, `accept`, `favorite` where something changed, none otherwise, and gives a CTE
 * `counted` with the version.
 */
export const countVotes = `
    counted_comment as (
      update comment c
      set upvotes = c.upvotes + e.up, downvotes = c.downvotes + e.down,
        accept_count = c.accept_count + e.accept, favorite_count = c.favorite_count + e.favorite
      from effect e
      where c.id = $2 and c.thread_id = $1 and $2::text <> $1::text
    ), post as (
      select ($2::text = $1::text)::integer as is_thread
    ), counted as (
      update thread t
      set version = t.version + 1,
        upvotes = t.upvotes + post.is_thread * e.up, downvotes = t.downvotes + post.is_thread * e.down,
        accept_count = t.accept_count + post.is_thread * e.accept,
        favorite_count = t.favorite_count + post.is_thread * e.favorite
      from effect e, post
      where t.id = $1
      returning t.version
    )`

-- A voter's earlier vote on a post is found at once; by post alone, every vote read all votes of the post under the lock of the thread.
-- Locks: writers of vote wait while the index is built. Time: about 1 s per million votes. breaking: no

create index vote_of_post_by_voter on vote (post_id, voter_id);
drop index vote_of_post;

-- Why: one Kafka transaction per chunk, with two chunks claimed at once; refused events tried again; lanes that halt.
-- Locks: relay_lane and event_production_issue for an instant, exclusively. Expected time: below 1 s. breaking: no.
-- Lowest code version that may still run: 0.1.0.

alter table relay_lane
  -- Two chunks may be claimed: the rows up to mid_id are batch batch_no - 1, those from there up to upto_id are batch_no.
  -- Without a first one mid_id is last_id.
  add column mid_id bigint not null default 0,
  -- What the lane is called towards Kafka, by whichever relay leads it: fixed by the first.
  add column transactional_id text,
  -- How often the present claim was sent again after its leader had ended in the middle of it.
  add column resends smallint not null default 0,
  -- The refused event for whose sake the whole lane stands still.
  add column halted_by uuid;

update relay_lane set mid_id = last_id;

-- The batch that a due event is claimed for, as relay_lane's claim is for a set.
alter table event_production_issue add column batch_no bigint;
create index event_production_issue_claimed on event_production_issue (batch_no) where batch_no is not null;

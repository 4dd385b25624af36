-- Sessions are listed per person, ended ones too, and may be ended all at once. The index of open ones alone goes: the new one serves as well.
-- Locks: access exclusive on session, for as long as its index takes: some 100 ms for 100,000 sessions. breaking: no, older code never writes the new reasons.
alter table session drop constraint session_ended_because_check;
alter table session add constraint session_ended_because_check check (
  ended_because in ('signed-out', 'token-reused', 'password-changed', 'removed', 'ended-by-admin', 'ended-everywhere')
);
create index session_of_person_by_time on session (person_id, created_at desc, id desc);
drop index session_of_person;

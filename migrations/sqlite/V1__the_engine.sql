-- What is deleted together lies together: files are clustered by folder and name, identities are
-- ordered by time, and nothing is indexed by a random value.

create table installation (
    only_row integer primary key check (only_row = 1),
    id blob not null,
    -- The next of each number to be drawn. Written once for each group of transactions.
    next_sequence integer not null,
    next_blob integer not null,
    next_batch integer not null,
    next_folder integer not null,
    next_organization integer not null
) strict;

create table secrets (
    name text primary key,
    secret blob not null
) strict, without rowid;

create table organizations (
    organization integer primary key,
    id blob not null unique,
    name text not null,
    plan text not null,
    created_at integer not null,
    disabled_at integer,
    root integer not null,
    -- With none of these no chain of parents needs to be walked.
    locked_folders integer not null default 0,
    unmarked_trees integer not null default 0,
    uploaded_files integer not null default 0,
    uploaded_bytes integer not null default 0,
    live_files integer not null default 0,
    live_bytes integer not null default 0,
    doomed_files integer not null default 0,
    doomed_bytes integer not null default 0,
    condemned_files integer not null default 0,
    condemned_bytes integer not null default 0,
    settled_files integer not null default 0,
    settled_bytes integer not null default 0
) strict;

create table keys (
    id blob primary key,
    organization integer,
    hash blob not null unique,
    scopes text not null,
    prefix text not null,
    guard_files integer,
    guard_share integer,
    created_at integer not null,
    expires_at integer,
    revoked_at integer,
    -- The secret before the last rotation, where it was given some grace.
    former_hash blob,
    former_until integer
) strict, without rowid;
create index keys_by_organization on keys (organization, id);
create unique index keys_by_former_hash on keys (former_hash) where former_hash is not null;

-- A live folder leads to its organization's root. A doomed one has `doomed = 1`, and the root of
-- a doomed tree has no parent, so that its name is free. Direct files whose sequence is not above
-- `doomed_through` are doomed, in a live folder too. `files`, `bytes` and `locked_files` count the
-- live direct files; in a doomed folder they stay as they were. `sequence` is drawn when a folder
-- is made, moved, renamed, locked or unlocked; `latest` is not below that of any live direct file;
-- `unlocked` is drawn when a lock on something in or below the folder is lifted.
create table folders (
    folder integer primary key,
    organization integer not null,
    parent integer,
    name text not null,
    id blob not null,
    created_at integer not null,
    reserved integer not null default 0,
    sequence integer not null,
    latest integer not null default 0,
    unlocked integer not null default 0,
    locked integer not null default 0,
    doomed integer not null default 0,
    doomed_through integer not null default 0,
    files integer not null default 0,
    bytes integer not null default 0,
    locked_files integer not null default 0
) strict;
create unique index folders_by_name on folders (parent, name);
create unique index folders_by_id on folders (organization, id);

create table files (
    folder integer not null,
    name text not null,
    organization integer not null,
    id blob not null,
    sequence integer not null,
    blob_number integer not null,
    blob_id blob not null,
    size integer not null,
    checksum blob not null,
    created_at integer not null,
    modified_at integer not null,
    locked integer not null default 0,
    origin integer not null,
    command blob,
    attributes text not null,
    primary key (folder, name)
) strict, without rowid;
create unique index files_by_id on files (organization, id);
create index files_locked on files (folder, name) where locked = 1;
create index files_of_commands on files (organization, command) where command is not null;

create table commands (
    organization integer not null,
    id blob not null,
    created_at integer not null,
    closed integer not null default 0,
    report text not null,
    primary key (organization, id)
) strict, without rowid;

create index commands_by_status on commands (organization, json_extract(report, '$.status'), id);

-- Which version is which output of a command, under the name that the worker gave it.
create table outputs (
    organization integer not null,
    command blob not null,
    output text not null,
    file blob not null,
    blob_number integer not null,
    title text not null,
    primary key (organization, command, output)
) strict, without rowid;

-- What outlives a file: of each version that is an output of a command, or was uploaded through
-- RenderIO without one. Written with the version and never touched by a deletion: the version is
-- live where the file's row has the same blob. No names.
create table keepsakes (
    organization integer not null,
    file blob not null,
    blob_number integer not null,
    command blob,
    -- Beneath which the key saw that stored it.
    prefix text not null,
    size integer not null,
    content_type text not null,
    created_at integer not null,
    primary key (organization, file, blob_number)
) strict, without rowid;

create table intents (
    blob_number integer primary key,
    blob_id blob not null,
    expires_at integer not null,
    -- Whether the next process goes on with it: an upload that comes in pieces.
    lasting integer not null default 0
) strict;

-- Uploads that come in pieces. An unfinished one has an intent, which expires with it; a finished
-- one says which file it became, for whoever missed the answer.
create table uploads (
    organization integer not null,
    id blob not null,
    path text not null,
    entry blob not null,
    only_new integer not null,
    attributes text not null,
    metadata text not null,
    length integer not null,
    received integer not null,
    blob_number integer not null,
    blob_id blob not null,
    created_at integer not null,
    expires_at integer not null,
    file blob,
    primary key (organization, id)
) strict, without rowid;
create index uploads_by_expiry on uploads (expires_at);

-- The purge queue. A row is a batch of at most 512 blobs of one deletion, packed; the lease is
-- the token together with `due_at`, the time from which others may take the batch.
create table condemned (
    batch integer primary key,
    organization integer,
    deletion blob,
    files integer not null,
    bytes integer not null,
    blobs blob not null,
    -- Condemned for so long; attempts in a row that failed, and since when.
    condemned_at integer not null,
    attempts integer not null default 0,
    failing_since integer,
    due_at integer not null,
    lease_token blob
) strict;
create index condemned_by_due on condemned (due_at);

-- Doomed folders whose files are to be condemned: whole trees, from their detached root, and
-- single folders that survived. Worked off in this order.
create table expansions (
    organization integer not null,
    through integer not null,
    folder integer not null,
    deletion blob not null,
    whole_tree integer not null,
    -- In a single folder: the name up to which it is done.
    done_to text not null default '',
    primary key (organization, through, folder)
) strict, without rowid;

-- Folders of doomed trees whose children are still to be marked.
create table marks (
    organization integer not null,
    through integer not null,
    root integer not null,
    folder integer not null,
    deletion blob not null,
    done_to text not null default '',
    primary key (organization, through, root, folder)
) strict, without rowid;

-- Filters of committed deletions whose files go in steps: what they take at or below `fence`, in
-- the order of the identities of folders and of the names in each, from behind `done_name` in
-- `done_folder` on. A row is there for as long as that goes on.
create table selections (
    organization integer not null,
    sequence integer not null,
    selector integer not null,
    deletion blob not null,
    prefix text not null,
    filter text not null,
    at integer not null,
    fence integer not null,
    done_folder blob not null,
    done_name text not null,
    primary key (organization, sequence, selector)
) strict, without rowid;

-- The record of each deletion, and its audit row. No names but those of what stayed, locked.
create table deletions (
    organization integer not null,
    id blob not null,
    sequence integer not null,
    key blob not null,
    prefix text not null,
    door text not null,
    at integer not null,
    files integer not null,
    bytes integer not null,
    folders integer not null,
    missing integer not null,
    -- What a stored plan had named and its commit did not take.
    changed_files integer not null,
    changed_bytes integer not null,
    changed_folders integer not null,
    -- What became of each selector, packed.
    outcomes blob not null,
    -- Single files of which the outcomes do not tell: identity and size of each, packed.
    items blob,
    -- A JSON list of paths.
    skipped text,
    -- Files that filters found and that stayed, locked.
    locked_files integer not null default 0,
    pending_trees integer not null,
    pending_selections integer not null default 0,
    cancelled_at integer,
    purged_files integer not null default 0,
    purged_bytes integer not null default 0,
    settled_at integer,
    -- When webhooks were told that its bytes cannot be removed.
    failing_told_at integer,
    primary key (organization, id)
) strict, without rowid;
create unique index deletions_by_sequence on deletions (organization, sequence);
create index deletions_unsettled on deletions (organization, sequence) where settled_at is null;

-- Plans of deletions that may be committed until they expire, each once. The request's paths are
-- all that a row knows by name.
create table stored_plans (
    organization integer not null,
    id blob not null,
    prefix text not null,
    key blob not null,
    request text not null,
    -- Up to which the plan's snapshot read.
    sequence integer not null,
    -- What each selector found, and how much of it would have gone.
    items text not null,
    files integer not null,
    bytes integer not null,
    folders integer not null,
    digest blob not null,
    made_at integer not null,
    expires_at integer not null,
    used_by blob,
    -- What its dry run told beside that, where an idempotency key lets it be asked for again.
    told_missing integer,
    told_sample text,
    told_items blob,
    primary key (organization, id)
) strict, without rowid;
create index stored_plans_by_expiry on stored_plans (expires_at);

create table missed_answers (
    organization integer not null,
    subject blob not null,
    deletion blob not null,
    files integer not null,
    primary key (organization, subject)
) strict, without rowid;

-- Requests that are to have one effect, however often they are made: hashes of who asked and of
-- what, and the identity of what came of it. Organization 0 is the installation itself.
create table idempotency (
    organization integer not null,
    token blob not null,
    request blob not null,
    made blob not null,
    at integer not null,
    primary key (organization, token)
) strict, without rowid;
create index idempotency_by_time on idempotency (at);

-- One row for each accepted request that still counts against an allowance.
create table allowances (
    organization integer not null,
    bucket text not null,
    at integer not null,
    deletion blob not null,
    primary key (organization, bucket, at, deletion)
) strict, without rowid;

-- Who wants to hear of what. The messages that are due for one are leased together: `due_at` is
-- the earliest time of those that wait, and while `lease_token` is set the end of the lease. One that
-- is switched off is never due. The counts are those of its messages.
create table webhooks (
    organization integer not null,
    id blob not null,
    prefix text not null,
    url text not null,
    events text not null,
    secret blob not null,
    -- The secret before the last rotation, where it was given some grace.
    former_secret blob,
    former_until integer,
    created_at integer not null,
    disabled_at integer,
    disabled_by text,
    failing_since integer,
    pending integer not null default 0,
    dead integer not null default 0,
    dropped integer not null default 0,
    due_at integer,
    lease_token blob,
    primary key (organization, id)
) strict, without rowid;
create index webhooks_by_due on webhooks (due_at) where due_at is not null;

-- The outbox, and what has left it. `due_at` is set while a message waits.
create table webhook_messages (
    organization integer not null,
    webhook blob not null,
    id blob not null,
    event text not null,
    body text not null,
    created_at integer not null,
    state text not null,
    failures integer not null,
    due_at integer,
    ended_at integer,
    -- The latest tries, as JSON.
    attempts text not null,
    primary key (organization, webhook, id)
) strict, without rowid;
create index webhook_messages_by_state on webhook_messages (organization, webhook, state, id);
create index webhook_messages_by_due on webhook_messages (organization, webhook, due_at)
    where due_at is not null;

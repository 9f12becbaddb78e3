import type {Generated} from 'kysely'

/** 0 or 1: SQLite has no booleans. */
type Flag = number
type Null<T> = T | null

/** The schema as the query builder sees it. Rows never leave this folder; functions return domain types. */
export interface Tables {
  meta: {key: string; value: string}
  exams: {id: Generated<number>; hash: string; from_task: number; body: string; published_at: number}
  tasks: {
    task_id: number
    exam_hash: string
    hash: string
    block: number
    expected_verdicts: number
    body: string
    published_at: number
    settled_at_block: Null<number>
    settled_at: Null<number>
  }
  answers: {
    task_id: number
    miner: string
    outcome: string
    reason: Null<string>
    latency_ms: Null<number>
    passed: Null<Flag>
    votes: Null<number>
    judged_at: Null<number>
    score: Null<number>
  }
  task_figures: {
    task_id: number
    published_at: number
    settled_at: number
    settled_at_block: number
    kind: string
    prompt: string
    asked: number
    delivered: number
    rejected: number
    judged: number
    passed: number
    score: Null<number>
    latency_ms: number
    bytes: number
    verdicts: number
  }
  vote_figures: {
    task_id: number
    validator: string
    verdicts: number
    agreed: number
    deviation: number
    received_at: number
  }
  reigns: {
    id: Generated<number>
    mechanism: string
    hotkey: Null<string>
    decision: string
    block: number
    task_id: number
    at: number
  }
  offers: {
    hotkey: string
    block: number
    model_name: Null<string>
    model_revision: Null<string>
    is_valid: Flag
    invalid_reason: Null<string>
    first_seen_at: number
    last_seen_at: number
  }
  verdicts: {
    task_id: number
    validator: string
    miner: string
    hash: string
    passed: Flag
    body: string
    received_at: number
    overall: number
  }
  samples: {
    id: Generated<number>
    task_id: number
    validator: string
    miner: string
    prompt: string
    s3_bucket: string
    s3_prefix: string
    passed: Flag
    confidence: Null<number>
    reasoning: Null<string>
    latency_ms: Null<number>
    original_artifacts: Null<string>
    generated_artifacts: Null<string>
    presentation_order: Null<string>
    evaluated_at: number
  }
  evaluation_signatures: {
    task_id: number
    validator: string
    signature: string
    payload: string
    received_at: number
  }
  scores: {validator: string; miner: string; total: number; passed: number; updated_at: number}
  miners: {
    hotkey: string
    uid: Null<number>
    model_name: Null<string>
    model_revision: Null<string>
    model_hash: Null<string>
    weight_files: Null<string>
    chute_id: Null<string>
    chute_slug: Null<string>
    is_valid: Flag
    invalid_reason: Null<string>
    block: Null<number>
    failures: number
    last_validated_at: Null<number>
    first_seen_at: number
  }
  validators: {
    hotkey: string
    uid: number
    stake_rao: string
    qualifies: Flag
    pinned: Flag
    pinned_stake_rao: Null<string>
    updated_at: number
    last_active_at: Null<number>
  }
  blacklist: {hotkey: string; reason: Null<string>; added_by: Null<string>; created_at: number}
  rule_states: {exam_hash: string; last_task: number; hash: string; state: string}
  rankings: {
    id: Generated<number>
    exam_hash: string
    state_hash: string
    body: string
    view: string
    made_at: number
  }
  submissions: {
    id: Generated<number>
    mechanism: string
    hotkey: string
    text: string
    identity: string
    block: number
    at: number
    source: 'api' | 'chain'
    is_current: Flag
    proof: Null<string>
  }
  executor_submissions: {
    hotkey: string
    image_ref: string
    submit_time: number
    submit_block: number
    claim_block: number
    committed: Null<string>
  }
  executor_round: {id: number; body: string}
  executor_staged: {hotkey: string; image_ref: string; body: string}
  own_exams: {id: Generated<number>; mechanism: string; hash: string; body: string; published_at: number}
  records: {
    mechanism: string
    author: string
    sequence: number
    exam_hash: string
    hash: string
    block: number
    body: string
    received_at: number
  }
  seen_signatures: {signature: string; expires_at: number}
  journal_tasks: {task_id: number; note: string}
  journal_verdicts: {
    task_id: number
    miner: string
    exam_hash: string
    output: string
    clip: string
    body: string
  }
  journal_outbox: {task_id: number; state: 'unsent' | 'sent' | 'refused'; note: Null<string>}
  weight_log: {
    id: Generated<number>
    at: number
    block: number
    mecid: number
    uids: string
    weights: string
    source: string
    winner_hotkey: Null<string>
    winner_uid: Null<number>
    reason: string
    extrinsic: Null<string>
    error: Null<string>
  }
}

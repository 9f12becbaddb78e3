import type Database from 'better-sqlite3'
import {
  type Compilable,
  DummyDriver,
  type Insertable,
  Kysely,
  SqliteAdapter,
  SqliteIntrospector,
  SqliteQueryCompiler,
} from 'kysely'
import type {Tables} from './tables.js'

/** A statement as its caller knows it; rows are whatever the text selects. */
export interface Prepared<Parameters extends unknown[]> {
  run(...parameters: Parameters): {changes: number}
  get(...parameters: Parameters): unknown
  all(...parameters: Parameters): unknown[]
}

/**
 * Kysely writes the statements, better-sqlite3 runs them. Kysely's own driver is promise-based, which would let a
 * transaction span an await; this executor is synchronous, so a transaction is a function that returns.
 */
export class Sql {
  readonly q = new Kysely<Tables>({
    dialect: {
      createAdapter: () => new SqliteAdapter(),
      createDriver: () => new DummyDriver(),
      createIntrospector: (db) => new SqliteIntrospector(db),
      createQueryCompiler: () => new SqliteQueryCompiler(),
    },
  })
  readonly #db: Database.Database
  /** By statement text; the number of different texts is bounded by the code. */
  readonly #prepared = new Map<string, Database.Statement>()

  constructor(db: Database.Database) {
    this.#db = db
  }

  all<Row>(query: Compilable<Row>): Row[] {
    const {sql, parameters} = query.compile()
    // The row type is Kysely's own inference from the statement and `tables.ts`.
    return this.#statement(sql).all(...parameters) as Row[]
  }

  get<Row>(query: Compilable<Row>): Row | undefined {
    const {sql, parameters} = query.compile()
    return this.#statement(sql).get(...parameters) as Row | undefined
  }

  /** Number of rows changed. */
  run(query: Compilable<unknown>): number {
    const {sql, parameters} = query.compile()
    return this.#statement(sql).run(...parameters).changes
  }

  /** For statements that run many times in a row, where building each text anew would cost more than running it. */
  prepare<Parameters extends unknown[]>(text: string): Prepared<Parameters> {
    return this.#statement(text) as unknown as Prepared<Parameters> // The caller says what the placeholders take.
  }

  /**
   * Writes rows that have the same columns, by one statement that is put together once. A row whose key is there already
   * takes the columns of `replace` over; without `replace` it breaks the key.
   */
  insertAll<T extends keyof Tables>(
    table: T,
    rows: readonly Insertable<Tables[T]>[],
    replace?: {readonly key: readonly (keyof Tables[T])[]; readonly columns: readonly (keyof Tables[T])[]},
  ): void {
    const [first] = rows
    if (!first) return
    // Names of columns, which come from this program's own source.
    const columns = Object.keys(first) as (keyof typeof first)[]
    const update = replace
      ? ` ON CONFLICT (${replace.key.join(', ')}) DO UPDATE SET
         ${replace.columns.map((column) => `${String(column)} = excluded.${String(column)}`).join(', ')}`
      : ''
    const places = columns.map(() => '?').join(', ')
    const insert = this.#statement(`INSERT INTO ${table} (${columns.join(', ')}) VALUES (${places})${update}`)
    for (const row of rows) insert.run(columns.map((column) => row[column]))
  }

  /** All or nothing. Takes the write lock at once, so that two writers wait instead of failing half-way. */
  transaction<T>(work: () => T): T {
    return this.#db.inTransaction ? work() : this.#db.transaction(work).immediate()
  }

  #statement(sql: string): Database.Statement {
    let statement = this.#prepared.get(sql)
    if (!statement) {
      statement = this.#db.prepare(sql)
      // Statements with lists of different lengths have different texts; a service lives for months.
      if (this.#prepared.size >= 500) this.#prepared.clear()
      this.#prepared.set(sql, statement)
    }
    return statement
  }
}

/** When a timeout ends what runs, and what is cleaned up after it. */
class Deadline {
    /** How long Jenkins lets what is cleaned up after a timeout go on. */
    static final long GRACE = 60_000
    long at
    boolean isOver

    long end() { isOver ? at + GRACE : at }
}

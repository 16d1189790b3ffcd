/** A stage: it has either steps or stages of its own. */
class Stage extends Model {
    String name
    Closure when
    Closure input
    Closure steps
}

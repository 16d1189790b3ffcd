/** A block of the file: what its class does not name is refused. */
class Words {
    String place
    Object env

    def methodMissing(String name, arguments) { throw new Refusal("$place: '$name' is not known here.") }

    def propertyMissing(String name) { throw new Refusal("$place: '$name' is not known here.") }

    def propertyMissing(String name, value) { throw new Refusal("$place: '$name' can not be set here.") }
}

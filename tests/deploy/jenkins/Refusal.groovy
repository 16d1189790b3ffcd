/** The Jenkinsfile says something that this stand-in does not know, or that Jenkins would not take. */
class Refusal extends RuntimeException {
    Refusal(String message) { super(message) }
}

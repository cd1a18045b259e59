## Qué va a ocurrir

log-off = Cerrar la sesión
restart = Reiniciar
power-off = Apagar

confirm-log-off = ¿Cerrar la sesión?
confirm-restart = ¿Reiniciar el equipo?
confirm-power-off = ¿Apagar el equipo?
confirm-detail = Primero se pregunta a todas las aplicaciones. Nada sin guardar se cierra sin su consentimiento.

going-log-off = Cerrando la sesión
going-restart = Reiniciando
going-power-off = Apagando

imposed = La sesión está terminando
imposed-detail = El equipo se está apagando, o la sesión se ha terminado desde fuera. Las aplicaciones guardan y se cierran ahora.

because = Motivo: { $reason }
survives = Seguirá en marcha después de la sesión: { $what }

## Quién lo impide

held =
    { $count ->
        [one] Una aplicación lo impide.
        [many] { $count } de aplicaciones lo impiden.
       *[other] { $count } aplicaciones lo impiden.
    }
asking = Se está preguntando a las aplicaciones.
closing = Las aplicaciones se están cerrando.
ending-all = Se están terminando las aplicaciones.
progress =
    { $total ->
        [one] { $closed } de { $total } aplicación cerrada
        [many] { $closed } de { $total } de aplicaciones cerradas
       *[other] { $closed } de { $total } aplicaciones cerradas
    }

unnamed = Una aplicación sin nombre

holds-refusal = No está de acuerdo.
holds-refusal-why = { $reason }
holds-inhibitor = Está ocupada y no dice con qué.
holds-inhibitor-why = { $reason }
holds-job = Todavía se ejecuta un programa en ella.
holds-job-why = Todavía en ejecución: { $reason }
holds-window = Su ventana sigue abierta.
holds-window-why = Sigue abierta: { $reason }
holds-not-responding = No contesta.
holds-wants-user = Quiere preguntarle algo.
holds-asks-user = Le está preguntando en su propia ventana.
holds-slow = Todavía no ha contestado.

not-responding = No responde
waiting = Espera: { $time }
seconds =
    { $n ->
        [one] { $n } segundo
        [many] { $n } de segundos
       *[other] { $n } segundos
    }
minutes =
    { $n ->
        [one] { $n } minuto
        [many] { $n } de minutos
       *[other] { $n } minutos
    }
hours =
    { $n ->
        [one] { $n } hora
        [many] { $n } de horas
       *[other] { $n } horas
    }

came = { $app }: { $why }
went = { $app } ya no lo impide.

## Qué puede hacer el usuario

# The question of `endsession ask` where none is given.
ask = ¿Terminar la sesión?

cancel = Cancelar
cancel-log-off = Cancelar el cierre
cancel-restart = Cancelar el reinicio
cancel-power-off = Cancelar el apagado
yes = Sí
no = No
ask-again = Volver a preguntar
show = Mostrar
end-one = Terminar…
end-all = Terminar todas…
back = Volver
details = Detalles
less = Ocultar detalles

show-app = Mostrar { $app }
end-app = Terminar { $app }

warn-end-one = ¿Terminar { $app } ahora? Lo que no haya guardado se perderá.
do-end-one = Terminarla
warn-end-all = ¿Terminar todas las que lo impidan, ahora o después? Lo que no hayan guardado se perderá.
do-end-all = Terminar todas

## La forma estrecha, junto al diálogo de una aplicación

strip-answer = { $app } espera su respuesta
strip-more =
    { $count ->
        [one] y una más
        [many] y { $count } más
       *[other] y { $count } más
    }

## El menú

menu-title = Terminar la sesión
menu-log-off = Cerrar todas las aplicaciones y salir de esta sesión.
menu-restart = Cerrar todas las aplicaciones y reiniciar el equipo.
menu-power-off = Cerrar todas las aplicaciones y apagar el equipo.

## Listas, para la tecnología de asistencia

list-of-holders = Aplicaciones que lo impiden
list-of-ways = Maneras de terminar la sesión

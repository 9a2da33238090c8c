#!/usr/bin/python3
"""A UnifiedPush app for tests, written against the D-Bus specification with python3-dbus alone.

It prints one JSON object a line for everything that happens and takes commands the same way, on stdin and stdout or on the
unix socket of --control. Events: ready, registered, failed, endpoint, message, unregistered, disconnected. Commands:
register, unregister, refuse (count), silent (value), release (answers what was left silent), quit.
"""

import argparse
import base64
import json
import os
import socket
import sys

import dbus
import dbus.mainloop.glib
import dbus.service
from gi.repository import GLib

PATH = "/org/unifiedpush/Connector"
DISTRIBUTOR_PATH = "/org/unifiedpush/Distributor"
MAX_LINE = 65536


class Refusal(dbus.DBusException):
    _dbus_error_name = "org.example.Error.Refused"


class App:
    def __init__(self, options):
        self.options = options
        self.refuse = options.refuse
        self.silent = options.silent
        self.left_silent = []
        self.count = 0
        self.loop = GLib.MainLoop()
        self.out, self.input = self.open_control()
        dbus.mainloop.glib.DBusGMainLoop(set_as_default=True)
        self.bus = dbus.SessionBus()
        self.bus.call_on_disconnection(self.on_disconnected)
        self.service = options.service or self.bus.get_unique_name()

    def open_control(self):
        if self.options.control is None:
            return sys.stdout, sys.stdin.fileno()
        connection = socket.socket(socket.AF_UNIX)
        connection.connect(self.options.control)
        self.control = connection
        return connection.makefile("w"), connection.fileno()

    def tell(self, event, **facts):
        self.out.write(json.dumps({"event": event, **facts}) + "\n")
        self.out.flush()

    def run(self):
        if self.options.late_object is None:
            self.export()
            self.take_name()
        else:
            self.take_name()
            GLib.timeout_add(self.options.late_object, self.export)
        self.buffer = b""
        GLib.io_add_watch(self.input, GLib.PRIORITY_DEFAULT, GLib.IO_IN | GLib.IO_HUP, self.on_input)
        self.tell("ready", name=self.bus.get_unique_name(), service=self.service)
        if not self.options.no_register:
            self.register()
        self.loop.run()

    def export(self):
        kind = Connector1 if self.options.protocol == 1 else Connector2
        self.object = kind(self)
        return False

    def take_name(self):
        if self.options.service is not None:
            self.name = dbus.service.BusName(self.options.service, self.bus, do_not_queue=True)

    # Towards the distributor

    def call(self, member, signature, args, on_reply):
        interface = "org.unifiedpush.Distributor%d" % self.options.protocol

        def on_error(error):
            self.tell("failed", member=member, name=error.get_dbus_name(), message=error.get_dbus_message())

        self.bus.call_async(
            self.options.distributor, DISTRIBUTOR_PATH, interface, member, signature, args, on_reply, on_error, timeout=25
        )

    def register(self):
        options = self.options
        if options.protocol == 1:
            self.call("Register", "sss", (self.service, options.token, options.description), self.on_registered_1)
            return
        fields = {"service": self.service, "token": options.token, "description": options.description}
        if options.vapid is not None:
            fields["vapid"] = options.vapid
        if options.sender is not None:
            fields["org.mailpush.sender"] = options.sender
        self.call("Register", "a{sv}", (dbus.Dictionary(fields, signature="sv"),), self.on_registered_2)

    def on_registered_1(self, result, reason):
        self.tell("registered", result=str(result), reason=str(reason))

    def on_registered_2(self, reply):
        self.tell("registered", result=str(reply.get("success", "")), reason=str(reply.get("reason", "")))

    def unregister(self):
        done = lambda *_: None
        if self.options.protocol == 1:
            self.call("Unregister", "s", (self.options.token,), done)
        else:
            self.call("Unregister", "a{sv}", (dbus.Dictionary({"token": self.options.token}, signature="sv"),), done)

    # From the distributor

    def on_message(self, token, message, identifier, result, reply, error):
        facts = {"token": str(token), "data": base64.b64encode(bytes(message)).decode(), "id": str(identifier)}
        if self.refuse > 0:
            self.refuse -= 1
            self.tell("message", accepted=False, **facts)
            error(Refusal("not now"))
            return
        self.tell("message", accepted=not self.silent, **facts)
        if self.silent:
            self.left_silent.append((reply, result))
            return
        reply(*result)
        self.count += 1
        if self.options.quit_after is not None and self.count >= self.options.quit_after:
            self.quit()

    def on_endpoint(self, token, endpoint):
        self.tell("endpoint", token=str(token), endpoint=str(endpoint))

    def on_unregistered(self, token):
        self.tell("unregistered", token=str(token))

    def on_disconnected(self, _connection):
        self.tell("disconnected")
        self.loop.quit()

    # From the test

    def on_input(self, _source, _condition):
        chunk = os.read(self.input, MAX_LINE)
        if chunk == b"":
            self.loop.quit()
            return False
        *lines, self.buffer = (self.buffer + chunk).split(b"\n")
        for line in lines:
            self.on_command(json.loads(line))
        return True

    def on_command(self, command):
        kind = command["command"]
        if kind == "register":
            self.register()
        elif kind == "unregister":
            self.unregister()
        elif kind == "refuse":
            self.refuse = command["count"]
        elif kind == "silent":
            self.silent = command["value"]
        elif kind == "release":
            for reply, result in self.left_silent:
                reply(*result)
            self.left_silent = []
        elif kind == "quit":
            self.quit()

    def quit(self):
        self.bus.flush()
        GLib.idle_add(self.loop.quit)


class Connector1(dbus.service.Object):
    INTERFACE = "org.unifiedpush.Connector1"

    def __init__(self, app):
        super().__init__(app.bus, PATH)
        self.app = app

    @dbus.service.method(INTERFACE, "says", "", byte_arrays=True, async_callbacks=("reply", "error"))
    def Message(self, token, message, messageIdentifier, reply, error):
        self.app.on_message(token, message, messageIdentifier, (), reply, error)

    @dbus.service.method(INTERFACE, "ss", "")
    def NewEndpoint(self, token, endpoint):
        self.app.on_endpoint(token, endpoint)

    @dbus.service.method(INTERFACE, "s", "")
    def Unregistered(self, token):
        self.app.on_unregistered(token)


class Connector2(dbus.service.Object):
    INTERFACE = "org.unifiedpush.Connector2"

    def __init__(self, app):
        super().__init__(app.bus, PATH)
        self.app = app

    @dbus.service.method(INTERFACE, "a{sv}", "a{sv}", byte_arrays=True, async_callbacks=("reply", "error"))
    def Message(self, args, reply, error):
        identifier = args.get("id", "")
        fields = {} if self.app.options.empty_reply else {"id": identifier}
        result = (dbus.Dictionary(fields, signature="sv"),)
        self.app.on_message(args["token"], args["message"], identifier, result, reply, error)

    @dbus.service.method(INTERFACE, "a{sv}", "a{sv}")
    def NewEndpoint(self, args):
        self.app.on_endpoint(args["token"], args["endpoint"])
        return dbus.Dictionary({}, signature="sv")

    @dbus.service.method(INTERFACE, "a{sv}", "a{sv}")
    def Unregistered(self, args):
        self.app.on_unregistered(args["token"])
        return dbus.Dictionary({}, signature="sv")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--protocol", type=int, choices=(1, 2), default=2)
    parser.add_argument("--service", help="bus name to take; without it the unique name is used")
    parser.add_argument("--token", required=True)
    parser.add_argument("--distributor", default="org.unifiedpush.Distributor.mailpush")
    parser.add_argument("--description", default="")
    parser.add_argument("--vapid")
    parser.add_argument("--sender", help="fingerprint of the only app server that may push")
    parser.add_argument("--refuse", type=int, default=0, help="answer this many messages with an error")
    parser.add_argument("--silent", action="store_true", help="leave messages unanswered")
    parser.add_argument("--empty-reply", action="store_true", help="version 2: do not return the id")
    parser.add_argument("--no-register", action="store_true")
    parser.add_argument("--late-object", type=int, metavar="MS", help="take the name first, the object follows")
    parser.add_argument("--quit-after", type=int, metavar="N", help="end after this many accepted messages")
    parser.add_argument("--control", metavar="SOCKET", help="instead of stdin and stdout, for an app that the bus starts")
    App(parser.parse_args()).run()


if __name__ == "__main__":
    main()
